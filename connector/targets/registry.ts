/**
 * The targets of one connector by name, made from its configuration, and made anew where that changes.
 *
 * @module
 */

import { ConfigError, type ConfigProblem } from "../../shared/config/config_error.ts";
import { getLogger } from "../../shared/log/mod.ts";
import type { ServedTargets } from "../../shared/protocol/handshake_heads.ts";
import {
  createTarget,
  readTargetFiles,
  type TargetFiles,
  type TargetOptions,
  type TargetSurroundings,
} from "./create_target.ts";
import { type FetchHandler, FetchHandlerTarget } from "./fetch_handler.ts";
import { HealthCheck, type HealthStatus } from "./health_check.ts";
import { explainTargetFailure } from "./target_failure.ts";
import type { Target } from "./target.ts";

export type { TargetOptions } from "./create_target.ts";

const logger = getLogger("targets");

/** Takes every name that no other target has. */
const CATCH_ALL = "*";

/** What a registry is made with besides the configuration. */
export interface TargetRegistryOptions extends Partial<TargetSurroundings> {
  /** Targets in this process by name; they stay whatever is configured. */
  readonly handlers?: Readonly<Record<string, FetchHandler>>;
  /** Called when a target's health changes. */
  readonly onHealthChange?: () => void;
}

/** What a new configuration changed: names of targets. */
export interface TargetChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** A target as it can be shown. */
export interface TargetStatus {
  readonly name: string;
  /** `web`, `echo`, `ping`, the path of a module, or `function` for a target in this process. */
  readonly type: string;
  readonly url?: string;
  /** Absent when it is not checked. */
  readonly health?: HealthStatus;
}

interface Entry {
  readonly name: string;
  readonly target: Target;
  /** Absent for targets in this process. */
  readonly options?: TargetOptions;
  /** Everything that the target was made of, for comparison. */
  readonly fingerprint?: string;
  /** Asks the application itself, whatever waits for its turn. */
  readonly direct?: Target;
  check?: HealthCheck;
}

/** The targets of a connector. Disposing it disposes them. */
export class TargetRegistry implements AsyncDisposable {
  readonly #options: TargetRegistryOptions;
  #entries = new Map<string, Entry>();
  #catchAll: Entry | undefined;
  /** Targets that no request goes to any more, with calls under way. */
  readonly #retired = new Set<Target>();

  private constructor(options: TargetRegistryOptions) {
    this.#options = options;
  }

  /**
   * @param configured Configuration by name.
   * @throws {ConfigError} naming every target that cannot be used.
   */
  static async create(
    configured: Readonly<Record<string, TargetOptions>>,
    options: TargetRegistryOptions = {},
  ): Promise<TargetRegistry> {
    const registry = new TargetRegistry(options);
    for (const [name, handler] of Object.entries(options.handlers ?? {})) {
      registry.#entries.set(name.toLowerCase(), { name, target: new FetchHandlerTarget(handler) });
    }
    try {
      await registry.replace(configured);
    } catch (error) {
      await registry[Symbol.asyncDispose]();
      throw error;
    }
    return registry;
  }

  /** @returns The target with this name in any case, else the catch-all, else `undefined`. */
  find(name: string): Target | undefined {
    return (this.#entries.get(name.toLowerCase()) ?? this.#catchAll)?.target;
  }

  /** @returns The names as they were configured. */
  names(): string[] {
    return [...this.#entries.values()].map(({ name }) => name);
  }

  /** @returns What the server is told. */
  served(): ServedTargets {
    const unhealthy = [...this.#entries.values()].filter(({ check }) => check?.status.health === "unhealthy");
    return { targets: this.names(), unhealthy: unhealthy.map(({ name }) => name) };
  }

  /** @returns What can be shown, in the order of the configuration. */
  status(): TargetStatus[] {
    return [...this.#entries.values()].map(({ name, options, check }) => ({
      name,
      type: options?.type ?? "function",
      ...(options?.url === undefined ? {} : { url: options.url }),
      ...(check === undefined ? {} : { health: check.status }),
    }));
  }

  /**
   * Takes a new configuration. Targets that stay the same keep their sockets, calls under way end as they would have.
   *
   * @throws {ConfigError} naming every target that cannot be used; then nothing has changed.
   */
  async replace(configured: Readonly<Record<string, TargetOptions>>): Promise<TargetChanges> {
    const before = this.#entries;
    const next = new Map([...before].filter(([, { options }]) => options === undefined));
    const problems: ConfigProblem[] = [];
    const made: Target[] = [];
    for (const [name, options] of Object.entries(configured)) {
      try {
        const entry = await this.#entryFor(name, options, next);
        if (before.get(name.toLowerCase())?.target !== entry.target) made.push(entry.target);
        next.set(name.toLowerCase(), entry);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        problems.push(...error.problems);
      }
    }
    if (problems.length > 0) {
      for (const target of made) await target[Symbol.asyncDispose]?.();
      throw new ConfigError(problems);
    }
    this.#swap(next);
    return changesBetween(before, next);
  }

  /** Ends what would outlast every drain. */
  drain(): void {
    for (const { target } of this.#entries.values()) target.drain?.();
    for (const target of this.#retired) target.drain?.();
  }

  /** Ends all calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    const targets = [...this.#entries.values()].map(({ target }) => target);
    for (const { check } of this.#entries.values()) check?.[Symbol.dispose]();
    this.#entries = new Map();
    this.#catchAll = undefined;
    await Promise.all([...targets, ...this.#retired].map((target) => target[Symbol.asyncDispose]?.()));
    this.#retired.clear();
  }

  async #entryFor(name: string, options: TargetOptions, next: ReadonlyMap<string, Entry>): Promise<Entry> {
    const key = name.toLowerCase();
    if (next.has(key)) {
      throw new ConfigError([{ path: `targets.${name}`, message: "There is another target of that name" }]);
    }
    const files = await readTargetFiles(name, options);
    const fingerprint = this.#fingerprint(options, files);
    const existing = this.#entries.get(key);
    if (existing?.fingerprint === fingerprint) return { ...existing, name, options };
    const surroundings = {
      allowedTargets: this.#options.allowedTargets,
      publicPath: this.#options.publicPath ?? (() => ""),
    };
    return { name, options, fingerprint, ...await createTarget(name, options, { files, surroundings }) };
  }

  /** A health check is no part of its target. */
  #fingerprint({ healthCheck: _, ...options }: TargetOptions, files: TargetFiles): string {
    return JSON.stringify([options, files]);
  }

  #swap(next: Map<string, Entry>): void {
    const before = this.#entries;
    this.#entries = next;
    this.#catchAll = next.get(CATCH_ALL);
    for (const [key, entry] of next) this.#renewCheck(entry, before.get(key));
    for (const [key, { target, check }] of before) {
      if (next.get(key)?.check !== check) check?.[Symbol.dispose]();
      if (next.get(key)?.target !== target) this.#retire(target);
    }
    this.#sweep();
  }

  #renewCheck(entry: Entry, before: Entry | undefined): void {
    const { name, options, direct } = entry;
    const isSame = before?.target === entry.target &&
      JSON.stringify(before.options?.healthCheck) === JSON.stringify(options?.healthCheck);
    if (isSame) return;
    delete entry.check;
    if (options?.healthCheck === undefined || direct === undefined) return;
    entry.check = new HealthCheck(direct, {
      ...options.healthCheck,
      name,
      onChange: (status) => this.#healthChanged(name, status),
      explain: (error, signal) => explainTargetFailure(error, options, signal),
    });
  }

  #healthChanged(name: string, { health, failure }: HealthStatus): void {
    if (health === "healthy") logger.info("Target {target} is healthy", { target: name });
    else logger.warn("Target {target} is unhealthy: {failure}", { target: name, failure });
    this.#options.onHealthChange?.();
  }

  #retire(target: Target): void {
    target.retire?.();
    this.#retired.add(target);
  }

  /** What has come to its end since is let go. */
  #sweep(): void {
    for (const target of this.#retired) {
      if (target.isIdle === false) continue;
      this.#retired.delete(target);
      Promise.resolve(target[Symbol.asyncDispose]?.())
        .catch((error) => logger.warn("Cannot dispose target: {error}", { error }));
    }
  }
}

function changesBetween(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): TargetChanges {
  const names = (entries: Iterable<[string, Entry]>) => [...entries].map(([, { name }]) => name);
  return {
    added: names([...after].filter(([key]) => !before.has(key))),
    removed: names([...before].filter(([key]) => !after.has(key))),
    changed: names([...after].filter(([key, entry]) => {
      const old = before.get(key);
      return old !== undefined && (old.target !== entry.target || old.check !== entry.check);
    })),
  };
}
