/**
 * The composition root of the server: the only place that names concrete classes.
 *
 * @module
 */

import { Hono } from "hono";
import { VERSION } from "../shared/version.ts";
import { type Access, createAccess } from "./access.ts";
import { type Authentication, createAuthentication } from "./authentication.ts";
import { databaseUrl, type ServerConfig } from "./config.ts";
import type { BodyStore } from "./body_store/mod.ts";
import { BodyEndpoint } from "./connectors/body_endpoint.ts";
import { httpBodyMinimumBytes } from "./connectors/body_transfer.ts";
import { ConnectorAuthentication } from "./connectors/connector_authentication.ts";
import { DISCOVERY_PATH, discoveryDocument } from "./connectors/discovery.ts";
import { ConnectorEndpoint } from "./connectors/endpoint.ts";
import { ConnectionDirectory } from "./connectors/connection_directory.ts";
import { ConnectionRegistry } from "./connectors/registry.ts";
import { Shedding } from "./connectors/shedding.ts";
import { TenantWatch } from "./connectors/tenant_watch.ts";
import { createDelivery, type CreateServerTransport, type Delivery } from "./delivery.ts";
import { allowLoopback } from "./http/allow_loopback.ts";
import { createHealthRoutes } from "./http/health.ts";
import { checkInterceptor, loadInterceptors } from "./interceptors/load.ts";
import { type Interceptor, Interceptors } from "./interceptors/mod.ts";
import type { Listener, ListenerHandler, ListenerRequest } from "./listener/listener.ts";
import { createListener, isTlsOn, type ListenerOptions } from "./listener/create_listener.ts";
import { createTrustedProxies } from "./listener/trusted_proxies.ts";
import { ManagementHandler } from "./http/management_handler.ts";
import { createMetricsRoutes } from "./metrics/mod.ts";
import { Observation } from "./observation.ts";
import {
  type Database,
  DatabaseMonitor,
  migrateToLatest,
  openDatabase,
  readDatabaseId,
  SecretRepository,
  TenantRepository,
} from "./persistence/mod.ts";
import { TenantCache } from "./persistence/tenant_cache.ts";
import { createOperation, type Operation, type OperationParts } from "./operation.ts";
import { PublicHandler } from "./http/public_handler.ts";
import { createRecording, type Recording } from "./recording.ts";
import { accessLog } from "./relay/access_log.ts";
import { Admission } from "./relay/admission.ts";
import { HostAddresses } from "./relay/host_address.ts";
import { WebSocketRelay } from "./relay/websocket_relay.ts";
import { Relay } from "./relay/relay.ts";
import { createAcknowledgeRoutes } from "./queue/acknowledge_routes.ts";
import { sleep } from "../shared/time/sleep.ts";
import { createStorage, type Storage } from "./storage.ts";
import { problemResponse, type WebBindings, withProblemDocuments } from "./http/web_routes.ts";

/** How long what became of stored requests may take to be written when the server stops, in milliseconds. */
const STORAGE_TIMEOUT_MS = 5_000;

/** How often a drain looks whether it may go on, in milliseconds. */
const DRAIN_POLL_MS = 10;

/** How long recorded requests that are not written yet may take when the server stops, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Where a listener can be reached. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** A RelayServer. Disposing it closes it now; what runs is cut off. */
export interface RelayServer extends AsyncDisposable {
  /** Opens the listeners. */
  start(): Promise<void>;
  /** Finishes what runs within `drainTimeout`, then closes. Idempotent. */
  drain(): Promise<void>;
  /** Resolves when it no longer listens, asked or not. */
  readonly finished: Promise<void>;
  /** @throws {Error} before `start`. */
  readonly publicAddress: Address;
  /** @throws {Error} before `start`. */
  readonly managementAddress: Address;
}

/** What a server takes beside its configuration. */
export interface RelayServerOptions {
  /** They see requests after those of the configuration, and responses before them. */
  readonly interceptors?: readonly Interceptor[];
  /** Makes what carries requests between origins, instead of the configured one. */
  readonly serverTransport?: CreateServerTransport;
  /** Keeps bodies that may have to be delivered again, instead of the configured store. It is not disposed of. */
  readonly bodyStore?: BodyStore;
}

/**
 * Makes a server. Nothing listens before `start`.
 *
 * @param config Checked configuration, see `docs/configuration.md`.
 * @param options Parts that replace the built-in ones, or are added to them.
 * @throws {ConfigError} when a module with interceptors cannot be loaded.
 * @throws {Error} when the database cannot be opened or was made by a newer version.
 * @example
 * ```ts
 * await using server = await createRelayServer(serverConfigSchema.parse({ port: 0, management: { port: 0 } }));
 * await server.start();
 * ```
 */
export async function createRelayServer(config: ServerConfig, options: RelayServerOptions = {}): Promise<RelayServer> {
  const interceptors = [
    ...await loadInterceptors(config.interceptors),
    ...(options.interceptors ?? []).map(checkInterceptor),
  ];
  const monitor = new DatabaseMonitor();
  const { maximumConnections } = config.database;
  const database = openDatabase({ url: databaseUrl(config), maximumConnections, observer: monitor });
  try {
    await migrateToLatest(database);
    const registry = new ConnectionRegistry();
    const origin = { originId: crypto.randomUUID(), version: VERSION, machineName: Deno.hostname() };
    const delivery = await createDelivery({
      config,
      registry,
      origin,
      databaseId: await readDatabaseId(database),
      createTransport: options.serverTransport,
    });
    const { bodyStore } = options;
    const storage = await createStorage({ config, database, registry, delivery, origin, bodyStore, now: Date.now });
    return new Server(config, { database, monitor, registry, origin, delivery, storage, interceptors });
  } catch (error) {
    await database.destroy();
    throw error;
  }
}

/** What a server is made of before it is one. */
interface ServerParts {
  readonly database: Database;
  readonly monitor: DatabaseMonitor;
  readonly registry: ConnectionRegistry;
  readonly origin: { readonly originId: string; readonly version: string; readonly machineName: string };
  readonly delivery: Delivery;
  readonly storage: Storage;
  readonly interceptors: readonly Interceptor[];
}

class Server implements RelayServer {
  readonly #config: ServerConfig;
  readonly #database: Database;
  readonly #registry: ConnectionRegistry;
  readonly #delivery: Delivery;
  readonly #storage: Storage;
  readonly #monitor: DatabaseMonitor;
  readonly #admission: Admission;
  readonly #relay: Relay;
  readonly #authentication: Authentication;
  readonly #access: Access;
  readonly #tenantWatch: TenantWatch;
  readonly #operation: Operation;
  readonly #observation: Observation;
  readonly #recording: Recording;
  readonly #connectors: ConnectorEndpoint;
  readonly #bodies: BodyEndpoint;
  readonly #shedding: Shedding;
  readonly #publicHandler: ListenerHandler;
  readonly #managementHandler: ListenerHandler;
  readonly #webSockets: WebSocketRelay;
  readonly #finished = Promise.withResolvers<void>();
  #publicListener: Listener | undefined;
  #managementListener: Listener | undefined;
  #isReady = false;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(config: ServerConfig, parts: ServerParts) {
    const { database, monitor, registry, origin, delivery, storage, interceptors } = parts;
    this.#config = config;
    this.#database = database;
    this.#monitor = monitor;
    this.#registry = registry;
    this.#delivery = delivery;
    this.#storage = storage;
    const now = Date.now;
    const server = origin;
    const tenants = new TenantRepository(database, now);
    const tenantCache = new TenantCache(tenants, {
      durationMs: config.tenantInfoCacheDuration,
      now: () => performance.now(),
      isSourceAvailable: () => monitor.status.isAvailable,
    });
    const authentication = this.#authentication = createAuthentication({
      config,
      database,
      tenantCache,
      tenantChanged: (tenantId) => this.#tenantWatch.tenantChanged(tenantId),
      now,
    });
    const { verifier } = authentication;
    const access = this.#access = createAccess({
      config,
      database,
      tokens: { clients: verifier, issuers: authentication.trustedIssuers },
      now,
    });
    const settings = {
      keepAliveIntervalMs: config.keepAliveInterval,
      inlineBodyLimitBytes: config.inlineBodyLimit,
      reconnectMinimumDelayMs: config.reconnectMinimumDelay,
      reconnectMaximumDelayMs: config.reconnectMaximumDelay,
      requestExpirationMs: config.requestExpiration,
      ...httpBodyMinimumBytes(config),
    };
    const watch = this.#tenantWatch = new TenantWatch({
      registry: this.#registry,
      tenants,
      secrets: new SecretRepository(database, now),
      copies: {
        forgetTenant: ({ id, name }) => name === undefined ? tenantCache.forgetId(id) : tenantCache.forget(name),
        forgetSecret: (secretId) => {
          authentication.forgetSecret(secretId);
          access.forgetSecrets();
        },
      },
      now,
    }, { settings, withinMs: config.tenantInfoCacheDuration, drainTimeoutMs: config.drainTimeout });
    this.#admission = new Admission(config.limits);
    this.#connectors = new ConnectorEndpoint({ tenants: tenantCache, verifier, registry: this.#registry, watch, now }, {
      server,
      settings,
      handshakeTimeoutMs: config.handshakeTimeout,
      maxMessageBytes: config.limits.connectorMessage,
      maxConnections: config.limits.connections,
      endpointTimeoutMs: config.endpointTimeout,
    });
    this.#shedding = new Shedding({
      registry,
      others: () => delivery.connectionsAtOthers(),
      now: () => performance.now(),
    });
    this.#bodies = new BodyEndpoint({
      authentication: new ConnectorAuthentication({ verifier, tenants: tenantCache }),
      deliveries: this.#registry,
      originId: origin.originId,
      others: delivery.cluster,
    });
    const isTrustedProxy = createTrustedProxies(config.trustedProxies);
    const directory = new ConnectionDirectory(this.#registry, {
      originId: origin.originId,
      elsewhere: delivery.elsewhere,
    });
    delivery.openManagement({ directory, tenantEvents: watch });
    const recording = this.#recording = createRecording({
      config,
      database,
      isDatabaseUp: () => monitor.status.isAvailable,
      relay: () => this.#relay,
      now,
    });
    const operation = this.#operation = createOperation({
      config,
      database,
      registry: this.#registry,
      server,
      directory,
      tenantEvents: [watch, delivery.tenantEvents],
      storedRequestEvents: storage.requests,
      isTrustedProxy,
      recorder: recording.recorder,
      sender: recording.client,
      components: () => componentsOf(config, { monitor, delivery }),
      publicUrl: ({ host }) =>
        config.publicUrl ?? `${schemeOf(config)}://${URL.parse(`http://${host}`)?.hostname}:${this.publicAddress.port}`,
      now,
    });
    const observation = this.#observation = new Observation({
      config,
      database,
      server,
      registry: this.#registry,
      bodies: storage.bodies,
      signingKeys: authentication,
      state: {
        isReady: () => this.#isReady,
        requestsInFlight: () => this.#admission.inFlight,
        requestsWaiting: () => delivery.dispatcher.waiting,
        storedRequests: () => storage.requests.totals,
        shedConnections: () => this.#shedding.asked,
        isDatabaseUp: () => monitor.status.isAvailable,
        transport: () => delivery.status,
      },
      now,
    });
    const publicUrl = (request: ListenerRequest) =>
      config.publicUrl ?? requestBaseUrl(request, { scheme: schemeOf(config), isTrustedProxy });
    const relay = this.#relay = new Relay({
      tenants: tenantCache,
      dispatcher: delivery.dispatcher,
      admission: this.#admission,
      keeper: storage.requests,
      gate: access.gate,
      interceptors: new Interceptors(interceptors, { maxTimeoutMs: config.requestExpiration }),
      observers: [accessLog, operation.observer, ...observation.observers],
      tap: recording.recorder,
    }, {
      server,
      requestBody: {
        inlineBodyLimitBytes: config.inlineBodyLimit,
        maxBodyBytes: config.maxBodySize,
        idleTimeoutMs: config.limits.bodyIdleTimeout,
      },
      responseBody: { idleTimeoutMs: config.streamIdleTimeout },
      requestExpirationMs: config.requestExpiration,
      requireActiveConnection: config.requireActiveConnection,
      isTraceEndpointOn: config.traceEndpoint,
      scheme: schemeOf(config),
      isTrustedProxy,
      acknowledgeMode: config.acknowledgeMode,
      publicUrl,
    });
    const baseUrl = ({ incoming }: WebBindings) => publicUrl(incoming);
    const health = createHealthRoutes({
      isReady: () => this.#isReady,
      database: () => monitor.status,
      transport: () => delivery.status,
    });
    const routes = new Hono<{ Bindings: WebBindings }>();
    routes.get(DISCOVERY_PATH, (context) =>
      context.json(discoveryDocument(baseUrl(context.env), {
        authorizationServer: authentication.authorizationServer(baseUrl(context.env)),
        version: VERSION,
        originId: server.originId,
        endpointTimeoutMs: config.endpointTimeout,
        reconnectMinimumDelayMs: config.reconnectMinimumDelay,
        reconnectMaximumDelayMs: config.reconnectMaximumDelay,
        handshakeTimeoutMs: config.handshakeTimeout,
        keepAliveIntervalMs: config.keepAliveInterval,
      })));
    routes.route("/", authentication.routes(baseUrl));
    routes.route("/", health);
    routes.route("/", createAcknowledgeRoutes(storage.requests, problemResponse));
    this.#webSockets = new WebSocketRelay(relay);
    this.#publicHandler = new PublicHandler(relay, {
      webSockets: this.#webSockets,
      connectors: this.#connectors,
      bodies: this.#bodies,
      routes: withProblemDocuments(routes),
      hosts: config.baseDomain === undefined ? undefined : new HostAddresses(config.baseDomain),
    });
    const management = new Hono<{ Bindings: WebBindings }>();
    management.route("/", health);
    management.route("/", operation.routes);
    const authorize = allowLoopback<WebBindings, { Bindings: WebBindings }>(operation.requireReader);
    management.route("/", createMetricsRoutes({ metrics: observation.metrics, authorize }));
    management.route("/", operation.pages);
    this.#managementHandler = new ManagementHandler(withProblemDocuments(management), config.management.allowedHosts);
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  get publicAddress(): Address {
    return addressOf(this.#publicListener);
  }

  get managementAddress(): Address {
    return addressOf(this.#managementListener);
  }

  async start(): Promise<void> {
    const { hostname, port, listener, tls, management, limits } = this.#config;
    const shared = { headerTimeoutMs: limits.headerTimeout, maxMessageBytes: limits.connectorMessage };
    const managementOptions: ListenerOptions = { ...shared, ...management, listener: "node" };
    const publicOptions: ListenerOptions = { ...shared, hostname, port, listener, tls };
    // 1. Upkeep that does not wait for requests.
    this.#monitor.watch(this.#database);
    await this.#authentication.start();
    await this.#observation.start();
    this.#tenantWatch.start();
    await this.#storage.requests.start();
    await this.#recording.recorder.refresh();
    this.#recording.recorder.start();
    // 2. Management first: whoever watches the server sees it before clients do.
    this.#managementListener = await createListener(this.#managementHandler, managementOptions);
    // 3. The public listener; from here on requests and connectors come in.
    this.#publicListener = await createListener(this.#publicHandler, publicOptions);
    // 4. Load balancers may send requests.
    this.#isReady = true;
    this.#operation.start();
    this.#delivery.start(this.#bodies);
    this.#shedding.start(this.#config.keepAliveInterval);
    await this.#operation.offerSetup();
    Promise.race([this.#managementListener.finished, this.#publicListener.finished, this.#delivery.conflict])
      .then(this.#finished.resolve, this.#finished.reject);
  }

  drain(): Promise<void> {
    return this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    const { shutdownDelay, drainTimeout } = this.#config;
    // 1. Unready but serving, until load balancers have noticed. Whoever keeps connections has to make new ones.
    this.#isReady = false;
    this.#shedding[Symbol.dispose]();
    this.#operation.drain();
    this.#publicListener?.drain();
    await new Delay(shutdownDelay).over;
    // 2. No new requests, no new connectors; other origins look elsewhere first.
    this.#connectors.close();
    this.#delivery.drain();
    const idle = Promise.all([this.#admission.close(), this.#storage.requests.drain()]);
    this.#webSockets.drain();
    this.#observation.drain();
    const startedAtMs = performance.now();
    // 3. What was let in reaches a connector, as long as there are any here.
    await until(() => this.#relay.preparing + this.#delivery.dispatcher.waiting === 0, { withinMs: drainTimeout / 2 });
    // 4. What runs finishes, also for other origins. Connectors stay for it, and look for another server meanwhile.
    this.#delivery.leave();
    this.#registry.drainAll("draining", "now");
    using limit = new Delay(drainTimeout - (performance.now() - startedAtMs));
    await Promise.race([idle, limit.over]);
    const withinMs = drainTimeout - (performance.now() - startedAtMs);
    await until(() => this.#delivery.served === 0, { withinMs });
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  #close(): Promise<void> {
    return this.#closing ??= (async () => {
      this.#isReady = false;
      this.#shedding[Symbol.dispose]();
      this.#connectors.close();
      // 1. Requests that wait are answered, also those that wait for their next delivery.
      this.#delivery.stop();
      const drained = this.#storage.requests.drain();
      // 2. Connections end; what is still in flight fails with them.
      for (const connection of [...this.#registry.list()]) connection.close(1001, "the server stops");
      // 3. Event streams, for which the listener would wait.
      this.#operation.stop();
      // 4. The listeners, which wait for the last answers.
      await Promise.all([this.#publicListener?.close(), this.#managementListener?.close()]);
      // 5. What is stored and not settled is left to others.
      using limit = new Delay(STORAGE_TIMEOUT_MS);
      await Promise.race([drained, limit.over]);
      await this.#storage.requests.stop({ timeoutMs: STORAGE_TIMEOUT_MS });
      // 6. What is known of the last requests is written down.
      await Promise.all([this.#observation.close(), this.#recording.recorder.close({ timeoutMs: CLOSE_TIMEOUT_MS })]);
      // 7. What everything stood on.
      this.#relay[Symbol.dispose]();
      await this.#access[Symbol.asyncDispose]();
      this.#authentication[Symbol.dispose]();
      await this.#tenantWatch[Symbol.asyncDispose]();
      await this.#delivery[Symbol.asyncDispose]();
      this.#monitor[Symbol.dispose]();
      await this.#database.destroy();
      this.#finished.resolve();
    })();
  }
}

/** Without a configured URL the request says where it was sent. */
function requestBaseUrl(
  request: ListenerRequest,
  { scheme, isTrustedProxy }: { readonly scheme: string; readonly isTrustedProxy: (address: string) => boolean },
): string {
  const isTrusted = isTrustedProxy(request.peerAddress);
  const forwarded = (name: string) =>
    isTrusted ? request.headers.find(([key]) => key.toLowerCase() === name)?.[1] : undefined;
  const proto = forwarded("x-forwarded-proto");
  const seen = proto === "https" || proto === "http" ? proto : scheme;
  return `${seen}://${forwarded("x-forwarded-host") ?? request.host}`;
}

function schemeOf({ tls }: ServerConfig): "http" | "https" {
  return isTlsOn(tls) ? "https" : "http";
}

/** What the server stands on, and how it is. */
function componentsOf(
  config: ServerConfig,
  { monitor, delivery }: Pick<ServerParts, "monitor" | "delivery">,
): ReturnType<OperationParts["components"]> {
  const { isAvailable, sinceMs, lastError } = monitor.status;
  const kind = databaseUrl(config).startsWith("sqlite:") ? "SQLite" : "PostgreSQL";
  return [
    { name: "database", kind, state: isAvailable ? "ready" : "away", sinceMs, ...(isAvailable ? {} : { lastError }) },
    {
      name: "transport",
      kind: config.transport.type === "amqp" ? "RabbitMQ" : "in memory",
      state: delivery.transport.state,
    },
  ];
}

function addressOf(listener: Listener | undefined): Address {
  if (listener === undefined) throw new Error("Cannot tell address: the server has not been started");
  return { hostname: listener.hostname, port: listener.port };
}

/** Waits until something is so, or the time is over. For ends, which are rare: nobody has to tell when it has become so. */
async function until(isSo: () => boolean, { withinMs }: { readonly withinMs: number }): Promise<void> {
  const endsAtMs = performance.now() + withinMs;
  while (!isSo() && performance.now() < endsAtMs) await sleep(DRAIN_POLL_MS);
}

/** A time that passes; disposing it leaves no timer behind. */
class Delay implements Disposable {
  readonly over: Promise<void>;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(durationMs: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#timer = setTimeout(resolve, durationMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
