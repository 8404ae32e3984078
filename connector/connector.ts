/**
 * The composition root of the connector: the only place that names concrete classes.
 *
 * @module
 */

import { RelayError } from "../shared/errors/relay_error.ts";
import type { IncomingRequest, TracedResponse } from "../shared/protocol/exchange.ts";
import type { ConnectionSettings } from "../shared/protocol/handshake_heads.ts";
import { VERSION } from "../shared/version.ts";
import type { ConnectorConfig } from "./config.ts";
import { Link } from "./connection/link.ts";
import { ServerAccess } from "./connection/server_access.ts";
import type { FetchHandler } from "./targets/fetch_handler.ts";
import { TargetRegistry } from "./targets/registry.ts";

/** What a program that embeds a connector adds to its configuration. */
export interface ConnectorOptions {
  /** Targets inside this program, by name. */
  readonly targets?: Readonly<Record<string, FetchHandler>>;
}

/** A connector. Disposing it closes it now; what runs is cut off. */
export interface Connector extends AsyncDisposable {
  /** Begins to connect, and keeps connected from then on. */
  start(): void;
  /** Lets what runs finish, then leaves the servers. Idempotent. */
  drain(): Promise<void>;
  /** Resolves when it has left, asked or because every server told it never to come back. */
  readonly finished: Promise<void>;
}

/** How long a drain may take, in milliseconds. */
const DRAIN_TIMEOUT_MS = 30_000;

/**
 * Makes a connector. It does not connect before `start`.
 *
 * @param config Checked configuration, see `docs/configuration.md`.
 * @throws {Error} when a file or module that the configuration names cannot be read.
 * @example
 * ```ts
 * const app = new Hono().get("/hello", (context) => context.text("Hello from the site"));
 * await using connector = await createConnector(config, { targets: { app: app.fetch } });
 * connector.start();
 * ```
 */
export async function createConnector(
  config: ConnectorConfig,
  { targets = {} }: ConnectorOptions = {},
): Promise<Connector> {
  const registry = await TargetRegistry.create(config.targets, targets);
  const ca = config.caFile === undefined ? undefined : [await Deno.readTextFile(config.caFile)];
  return new SiteConnector(config, { registry, ca });
}

class SiteConnector implements Connector {
  readonly #config: ConnectorConfig;
  readonly #registry: TargetRegistry;
  readonly #servers: readonly ServerAccess[];
  readonly #httpClient: Deno.HttpClient | undefined;
  readonly #finished = Promise.withResolvers<void>();
  #links: readonly Link[] = [];
  #draining: Promise<void> | undefined;

  constructor(
    config: ConnectorConfig,
    { registry, ca }: { registry: TargetRegistry; ca: readonly string[] | undefined },
  ) {
    this.#config = config;
    this.#registry = registry;
    const client = this.#httpClient = ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [...ca] });
    this.#servers = config.relayServerBaseUri.map((baseUri) =>
      new ServerAccess(baseUri, {
        credentials: { tenantName: config.tenantName, tenantSecret: config.tenantSecret },
        connector: { version: VERSION, machineName: Deno.hostname() },
        targets: registry.names(),
        ...(ca === undefined ? {} : { ca }),
        fetch: client === undefined
          ? fetch
          : (input: RequestInfo | URL, init?: RequestInit) => fetch(input, { ...init, client }),
      })
    );
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  start(): void {
    const handleRequest = (request: IncomingRequest, settings: ConnectionSettings) => this.#answer(request, settings);
    this.#links = Array.from(
      { length: this.#config.connections },
      (_, index) => new Link({ servers: this.#servers, firstServer: index, handleRequest }),
    );
    Promise.all(this.#links.map((link) => link.stopped)).then(() => this.#finished.resolve(), this.#finished.reject);
  }

  drain(): Promise<void> {
    return this.#draining ??= this.#drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // 1. Connections first, which aborts what runs at the targets.
    await Promise.all(this.#links.map((link) => link[Symbol.asyncDispose]()));
    // 2. Then what the calls stood on.
    await this.#registry[Symbol.asyncDispose]();
    this.#httpClient?.close();
    this.#finished.resolve();
  }

  async #drain(): Promise<void> {
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, DRAIN_TIMEOUT_MS);
    await Promise.race([Promise.all(this.#links.map((link) => link.drain())), timeout]);
    clearTimeout(timer);
    await this[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingRequest, { inlineBodyLimitBytes }: ConnectionSettings): Promise<TracedResponse> {
    const target = this.#registry.find(request.target);
    if (target === undefined) throw new RelayError("target_unknown", "The connector has no such target");
    const { signal } = request;
    if (!request.trace) return await target.handle(request, { signal, inlineBodyLimitBytes });
    const targetStart = new Date().toISOString();
    const startedAtMs = performance.now();
    const response = await target.handle(request, { signal, inlineBodyLimitBytes });
    return { ...response, trace: { targetStart, targetDurationMs: performance.now() - startedAtMs } };
  }
}
