/**
 * The composition root of the connector: the only place that names concrete classes.
 *
 * @module
 */

import { RelayError } from "../shared/errors/relay_error.ts";
import type { IncomingRequest, TracedResponse } from "../shared/protocol/exchange.ts";
import type { ConnectionSettings } from "../shared/protocol/handshake_heads.ts";
import { VERSION } from "../shared/version.ts";
import { type ConnectorConfig, fixedKeysThatDiffer } from "./config.ts";
import { Link } from "./connection/link.ts";
import { readCaFile } from "./connection/ca_file.ts";
import { Network } from "./connection/network.ts";
import { proxyRules } from "./connection/proxy_rules.ts";
import { PublicPlace } from "./connection/public_place.ts";
import { type OpenedSession, ServerAccess } from "./connection/server_access.ts";
import type { ConnectorStatus } from "./status/status.ts";
import { StatusServer } from "./status/status_server.ts";
import type { FetchHandler } from "./targets/fetch_handler.ts";
import { TargetRegistry, type TargetStatus } from "./targets/registry.ts";
import { warnOfLongTimeouts, warnOfUncheckedTargets } from "./targets/warnings.ts";

/** What a program that embeds a connector adds to its configuration. */
export interface ConnectorOptions {
  /** Targets inside this program, by name. */
  readonly targets?: Readonly<Record<string, FetchHandler>>;
  /** Where `HTTPS_PROXY` and the like are read; the environment of this program when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a new configuration changed. */
export interface Reconfiguration {
  /** Names of targets. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  /** Keys that differ and count only after a restart. */
  readonly restartNeeded: readonly string[];
}

/** A connector. Disposing it closes it now; what runs is cut off. */
export interface Connector extends AsyncDisposable {
  /** Begins to connect, and keeps connected from then on. */
  start(): void;
  /** How it stands now. */
  readonly status: ConnectorStatus;
  /** Where the status is served; `undefined` unless `status.port` is configured and it has started. */
  readonly statusUrl: string | undefined;
  /**
   * Takes a new configuration: targets and the tenant's secret count from now on. Connections stay, and requests under way end as they would
   * have.
   *
   * @throws {ConfigError} naming everything that cannot be used; then nothing has changed.
   */
  reconfigure(config: ConnectorConfig): Promise<Reconfiguration>;
  /** The targets with their health. */
  targets(): readonly TargetStatus[];
  /** Lets what runs finish, then leaves the servers. Idempotent. */
  drain(): Promise<void>;
  /** Resolves when it has left, asked or because every server told it never to come back. */
  readonly finished: Promise<void>;
}

/** How long a drain may take, in milliseconds. */
const DRAIN_TIMEOUT_MS = 30_000;
/** How long a change of health waits for others, in milliseconds. */
const ANNOUNCE_DELAY_MS = 100;

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
export async function createConnector(config: ConnectorConfig, options: ConnectorOptions = {}): Promise<Connector> {
  const { targets: handlers = {}, env = Deno.env.toObject() } = options;
  const ca = config.caFile === undefined ? undefined : [await readCaFile(config.caFile)];
  const network = new Network({ proxyFor: proxyRules({ proxy: config.proxy, env }), ca });
  const place = new PublicPlace(config.tenantName);
  let onHealthChange = () => {};
  const registry = await TargetRegistry.create(config.targets, {
    handlers,
    allowedTargets: config.allowedTargets,
    publicPath: (request) => place.pathOf(request),
    onHealthChange: () => onHealthChange(),
  });
  const connector = new SiteConnector(config, { registry, network, place });
  onHealthChange = () => connector.healthChanged();
  return connector;
}

class SiteConnector implements Connector {
  readonly #registry: TargetRegistry;
  readonly #servers: readonly ServerAccess[];
  readonly #place: PublicPlace;
  readonly #finished = Promise.withResolvers<void>();
  #config: ConnectorConfig;
  #links: readonly Link[] = [];
  #draining: Promise<void> | undefined;
  #statusServer: StatusServer | undefined;
  readonly #startedAt = new Date().toISOString();
  #requests = 0;
  #failed = 0;
  #reconfiguring: Promise<unknown> = Promise.resolve();
  #requestExpirationMs: number | undefined;
  /** What connections were told last. */
  #announced: string;
  #announceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    config: ConnectorConfig,
    parts: { readonly registry: TargetRegistry; readonly network: Network; readonly place: PublicPlace },
  ) {
    const { registry, network, place } = parts;
    this.#config = config;
    this.#registry = registry;
    this.#place = place;
    this.#announced = JSON.stringify(registry.served());
    this.#servers = config.relayServerBaseUri.map((baseUri) =>
      new ServerAccess(baseUri, {
        credentials: () => ({ tenantName: this.#config.tenantName, tenantSecret: this.#config.tenantSecret }),
        connector: { version: VERSION, machineName: Deno.hostname() },
        targets: () => registry.served(),
        network,
      })
    );
    warnOfUncheckedTargets(config.targets);
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  get status(): ConnectorStatus {
    const connections = this.#links.map((link) => link.status);
    const counters = this.#links.map((link) => link.counters);
    const sum = (key: "connects" | "connectFailures") => counters.reduce((total, each) => total + each[key], 0);
    return {
      version: VERSION,
      tenant: this.#config.tenantName,
      startedAt: this.#startedAt,
      isConnected: connections.some(({ state }) => state === "connected"),
      connections,
      targets: this.#registry.status(),
      counters: {
        requests: this.#requests,
        failed: this.#failed,
        connects: sum("connects"),
        connectFailures: sum("connectFailures"),
      },
    };
  }

  get statusUrl(): string | undefined {
    return this.#statusServer?.url;
  }

  start(): void {
    const { port } = this.#config.status;
    // Before anything else: whoever asks is to hear of connections that cannot be made, too.
    if (port !== undefined) this.#statusServer = new StatusServer(() => this.status, { port });
    const handleRequest = (request: IncomingRequest, settings: ConnectionSettings) => this.#answer(request, settings);
    this.#links = Array.from(
      { length: this.#config.connections },
      (_, index) =>
        new Link({
          servers: this.#servers,
          firstServer: index,
          handleRequest,
          onConnected: (opened) => this.#connected(opened),
        }),
    );
    Promise.all(this.#links.map((link) => link.stopped)).then(() => this.#finished.resolve(), this.#finished.reject);
  }

  reconfigure(config: ConnectorConfig): Promise<Reconfiguration> {
    // One after the other, whatever became of the one before.
    const done = this.#reconfiguring.then(() => this.#reconfigure(config));
    this.#reconfiguring = done.catch(() => {});
    return done;
  }

  targets(): readonly TargetStatus[] {
    return this.#registry.status();
  }

  /** A target's health has changed. Where one falls ill, others follow: they are told together. */
  healthChanged(): void {
    this.#announceTimer ??= setTimeout(() => {
      this.#announceTimer = undefined;
      this.#announceTargets();
    }, ANNOUNCE_DELAY_MS);
  }

  drain(): Promise<void> {
    return this.#draining ??= this.#drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // 1. Connections first, which aborts what runs at the targets.
    await Promise.all(this.#links.map((link) => link[Symbol.asyncDispose]()));
    // 2. Then what the calls stood on.
    await this.#reconfiguring;
    await this.#registry[Symbol.asyncDispose]();
    clearTimeout(this.#announceTimer);
    // 3. Last the status: until here there is something to tell.
    await this.#statusServer?.[Symbol.asyncDispose]();
    this.#finished.resolve();
  }

  /** Tells the servers what is served now, unless they know. */
  #announceTargets(): void {
    const served = this.#registry.served();
    const text = JSON.stringify(served);
    if (text === this.#announced) return;
    this.#announced = text;
    for (const link of this.#links) link.sendTargets(served);
  }

  async #reconfigure(config: ConnectorConfig): Promise<Reconfiguration> {
    const changes = await this.#registry.replace(config.targets);
    const before = this.#config;
    this.#config = { ...before, targets: config.targets, tenantSecret: config.tenantSecret };
    warnOfUncheckedTargets(config.targets, before.targets);
    warnOfLongTimeouts(config.targets, { requestExpirationMs: this.#requestExpirationMs, known: before.targets });
    this.#announceTargets();
    if (before.tenantSecret !== config.tenantSecret) this.#links.forEach((link) => link.retryNow());
    return { ...changes, restartNeeded: fixedKeysThatDiffer(before, config) };
  }

  #connected({ session, welcome, served, basePath }: OpenedSession): void {
    this.#place.set({ tenantName: welcome.tenantName, basePath });
    // What changed during the handshake was told to nobody.
    const now = this.#registry.served();
    if (JSON.stringify(now) !== JSON.stringify(served)) session.sendTargets(now);
    const { requestExpirationMs } = welcome.settings;
    if (requestExpirationMs === this.#requestExpirationMs) return;
    this.#requestExpirationMs = requestExpirationMs;
    warnOfLongTimeouts(this.#config.targets, { requestExpirationMs });
  }

  async #drain(): Promise<void> {
    this.#registry.drain();
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, DRAIN_TIMEOUT_MS);
    await Promise.race([Promise.all(this.#links.map((link) => link.drain())), timeout]);
    clearTimeout(timer);
    await this[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingRequest, settings: ConnectionSettings): Promise<TracedResponse> {
    this.#requests++;
    try {
      return await this.#callTarget(request, settings);
    } catch (error) {
      this.#failed++;
      throw error;
    }
  }

  async #callTarget(request: IncomingRequest, { inlineBodyLimitBytes }: ConnectionSettings): Promise<TracedResponse> {
    const target = this.#registry.find(request.target);
    if (target === undefined) throw new RelayError("target_unknown", "The connector has no such target");
    const { signal } = request;
    const targetStart = request.trace ? new Date().toISOString() : undefined;
    const startedAtMs = performance.now();
    const { status, headers, body } = await target.handle(request, { signal, inlineBodyLimitBytes });
    const targetDurationMs = performance.now() - startedAtMs;
    const targetMs = Math.round(targetDurationMs * 100) / 100;
    if (targetStart === undefined) return { status, headers, body, targetMs };
    return { status, headers, body, targetMs, trace: { targetStart, targetDurationMs } };
  }
}
