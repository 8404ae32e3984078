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
import type { ConnectorStatus } from "./status/status.ts";
import { StatusServer } from "./status/status_server.ts";
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
  /** How it stands now. */
  readonly status: ConnectorStatus;
  /** Where the status is served; `undefined` unless `status.port` is configured and it has started. */
  readonly statusUrl: string | undefined;
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
  #statusServer: StatusServer | undefined;
  readonly #startedAt = new Date().toISOString();
  #requests = 0;
  #failed = 0;

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
      targets: this.#registry.names().map((name) => ({ name, health: "unknown" })),
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
    // 3. Last the status: until here there is something to tell.
    await this.#statusServer?.[Symbol.asyncDispose]();
    this.#finished.resolve();
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
    if (!request.trace) return await target.handle(request, { signal, inlineBodyLimitBytes });
    const targetStart = new Date().toISOString();
    const startedAtMs = performance.now();
    const response = await target.handle(request, { signal, inlineBodyLimitBytes });
    return { ...response, trace: { targetStart, targetDurationMs: performance.now() - startedAtMs } };
  }
}
