/**
 * The targets of one connector by name, made from its configuration.
 *
 * @module
 */

import { EchoTarget } from "./echo.ts";
import { type FetchHandler, FetchHandlerTarget } from "./fetch_handler.ts";
import { loadFetchHandler } from "./module.ts";
import { PingTarget } from "./ping.ts";
import type { Target } from "./target.ts";
import { WebTarget } from "./web.ts";
import type { WebTls } from "./web_agents.ts";

/** One target's configuration. */
export interface TargetOptions {
  /** `web`, `echo`, `ping`, or the path of a module (see `module.ts`). */
  readonly type: string;
  /** Base URL, for `web`. */
  readonly url?: string | undefined;
  /** Until the head of the response, in milliseconds. */
  readonly timeout?: number | undefined;
  readonly followRedirects?: boolean | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly preserveHost?: boolean | undefined;
  readonly tls?: {
    /** PEM file. */
    readonly caFile?: string | undefined;
    readonly insecureSkipVerify?: boolean | undefined;
  } | undefined;
}

/** Takes every name that no other target has. */
const CATCH_ALL = "*";

/** The targets of a connector. Disposing it disposes them. */
export class TargetRegistry implements AsyncDisposable {
  readonly #targets = new Map<string, { readonly name: string; readonly target: Target }>();

  /**
   * @param configured Configuration by name.
   * @param handlers Targets in this process by name.
   * @throws {TypeError} naming the target whose configuration cannot be used.
   */
  static async create(
    configured: Readonly<Record<string, TargetOptions>>,
    handlers: Readonly<Record<string, FetchHandler>> = {},
  ): Promise<TargetRegistry> {
    const registry = new TargetRegistry();
    try {
      for (const [name, handler] of Object.entries(handlers)) registry.#add(name, new FetchHandlerTarget(handler));
      for (const [name, options] of Object.entries(configured)) registry.#add(name, await createTarget(name, options));
    } catch (error) {
      await registry[Symbol.asyncDispose]();
      throw error;
    }
    return registry;
  }

  /** @returns The target with this name in any case, else the catch-all, else `undefined`. */
  find(name: string): Target | undefined {
    return (this.#targets.get(name.toLowerCase()) ?? this.#targets.get(CATCH_ALL))?.target;
  }

  /** @returns The names as they were configured. */
  names(): string[] {
    return [...this.#targets.values()].map(({ name }) => name);
  }

  /** Ends what would outlast every drain. */
  drain(): void {
    for (const { target } of this.#targets.values()) target.drain?.();
  }

  /** Ends all calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#targets.values()].map(({ target }) => target[Symbol.asyncDispose]?.()));
    this.#targets.clear();
  }

  #add(name: string, target: Target): void {
    const key = name.toLowerCase();
    if (this.#targets.has(key)) throw new TypeError(`Cannot add target ${name}: there is another one of that name`);
    this.#targets.set(key, { name, target });
  }
}

async function createTarget(name: string, options: TargetOptions): Promise<Target> {
  try {
    switch (options.type) {
      case "web":
        return await createWebTarget(options);
      case "echo":
        return new EchoTarget();
      case "ping":
        return new PingTarget();
      default:
        return new FetchHandlerTarget(await loadFetchHandler(options.type), { timeoutMs: options.timeout });
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`Cannot add target ${name}: ${reason}`, { cause });
  }
}

async function createWebTarget(options: TargetOptions): Promise<WebTarget> {
  if (options.url === undefined) throw new TypeError("A web target needs a url");
  const { url, timeout, followRedirects, headers, preserveHost, tls } = options;
  const caFile = tls?.caFile;
  const webTls: WebTls = {
    ca: caFile === undefined ? undefined : await Deno.readTextFile(caFile),
    insecureSkipVerify: tls?.insecureSkipVerify,
  };
  return new WebTarget({ url, timeoutMs: timeout, followRedirects, headers, preserveHost, tls: webTls });
}
