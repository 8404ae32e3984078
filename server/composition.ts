/**
 * The composition root of the server: with `server.ts` and those that the two call, the only place that names concrete classes.
 *
 * @module
 */

import { Hono } from "hono";
import { VERSION } from "../shared/version.ts";
import { type Access, createAccess } from "./access.ts";
import { type Authentication, createAuthentication } from "./authentication.ts";
import type { ServerConfig } from "./config/server_config.ts";
import { BodyEndpoint } from "./connectors/body_endpoint.ts";
import { type ComponentKinds, readComponents } from "./components.ts";
import { httpBodyMinimumBytes } from "./connectors/body_transfer.ts";
import { ConnectorAuthentication } from "./connectors/connector_authentication.ts";
import { DISCOVERY_PATH, discoveryDocument } from "./connectors/discovery.ts";
import { ConnectorEndpoint } from "./connectors/endpoint.ts";
import { ConnectionDirectory } from "./connectors/connection_directory.ts";
import type { ConnectionRegistry } from "./connectors/registry.ts";
import { Shedding } from "./connectors/shedding.ts";
import { TenantWatch } from "./connectors/tenant_watch.ts";
import type { Delivery } from "./delivery.ts";
import { EndedRequests } from "./ended_requests.ts";
import { allowLoopback } from "./http/allow_loopback.ts";
import { bodyIdleLimit } from "./http/body_idle_limit.ts";
import { createHealthRoutes } from "./http/health.ts";
import { type Interceptor, Interceptors } from "./interceptors/mod.ts";
import type { ListenerHandler, ListenerRequest } from "./listener/listener.ts";
import { isTlsOn } from "./listener/create_listener.ts";
import { createTrustedProxies } from "./listener/trusted_proxies.ts";
import { ManagementHandler } from "./http/management_handler.ts";
import { createMetricsRoutes } from "./metrics/mod.ts";
import { Observation } from "./observation.ts";
import { type Database, type DatabaseMonitor, SecretRepository, TenantRepository } from "./persistence/mod.ts";
import { TenantCache } from "./persistence/tenant_cache.ts";
import { createOperation, type Operation } from "./operation.ts";
import { PublicHandler } from "./http/public_handler.ts";
import { createRecording, type Recording } from "./recording.ts";
import { accessLog } from "./relay/access_log.ts";
import { Admission } from "./relay/admission.ts";
import { forwardedOrigin, type IsTrustedProxy } from "./relay/forwarded.ts";
import { HostAddresses } from "./relay/host_address.ts";
import { WebSocketRelay } from "./relay/websocket_relay.ts";
import { Relay } from "./relay/relay.ts";
import { createAcknowledgeRoutes } from "./queue/acknowledge_routes.ts";
import type { Storage } from "./storage.ts";
import { problemResponse, type WebBindings, withProblemDocuments } from "./http/web_routes.ts";

/** What a server is put together from: what it takes time to make, and what its configuration says. */
export interface CompositionParts {
  readonly config: ServerConfig;
  readonly database: Database;
  readonly monitor: DatabaseMonitor;
  readonly registry: ConnectionRegistry;
  readonly server: { readonly originId: string; readonly version: string; readonly machineName: string };
  readonly delivery: Delivery;
  readonly storage: Storage;
  readonly interceptors: readonly Interceptor[];
  readonly kinds: ComponentKinds;
}

/** What only the running server knows. */
export interface ServerState {
  /** Whether load balancers may send requests. */
  isReady(): boolean;
  /** The port of the public listener. @throws {Error} before it listens. */
  publicPort(): number;
}

/** A server that is put together: what is started, drained and closed, and who answers at its listeners. */
export interface Composition extends CompositionParts {
  readonly admission: Admission;
  readonly relay: Relay;
  readonly endedRequests: EndedRequests;
  readonly webSockets: WebSocketRelay;
  readonly authentication: Authentication;
  readonly access: Access;
  readonly tenantWatch: TenantWatch;
  readonly operation: Operation;
  readonly observation: Observation;
  readonly recording: Recording;
  readonly connectors: ConnectorEndpoint;
  readonly bodies: BodyEndpoint;
  readonly shedding: Shedding;
  readonly publicHandler: ListenerHandler;
  readonly managementHandler: ListenerHandler;
}

/** Puts a server together. Nothing of it runs. */
export function compose(parts: CompositionParts, state: ServerState): Composition {
  const { config, database, monitor, registry, server, delivery, storage, interceptors, kinds } = parts;
  const now = Date.now;
  const tenants = new TenantRepository(database, now);
  const tenantCache = new TenantCache(tenants, {
    durationMs: config.tenantInfoCacheDuration,
    now: () => performance.now(),
    isSourceAvailable: () => monitor.status.isAvailable,
  });
  const authentication = createAuthentication({
    config,
    database,
    tenantCache,
    tenantChanged: (tenantId) => watch.tenantChanged(tenantId),
    now,
  });
  const { verifier } = authentication;
  const access = createAccess({
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
  const watch = new TenantWatch({
    registry,
    tenants,
    secrets: new SecretRepository(database, now),
    copies: {
      renewTenant: (tenant) => tenantCache.renew(tenant),
      forgetTenant: ({ id, name }) => name === undefined ? tenantCache.forgetId(id) : tenantCache.forget(name),
      forgetSecret: (secretId) => {
        authentication.forgetSecret(secretId);
        access.forgetSecrets();
      },
    },
    now,
  }, { settings, withinMs: config.tenantInfoCacheDuration, drainTimeoutMs: config.drainTimeout });
  const admission = new Admission(config.limits);
  const connectors = new ConnectorEndpoint({ tenants: tenantCache, verifier, registry, watch, now }, {
    server,
    settings,
    handshakeTimeoutMs: config.handshakeTimeout,
    maxMessageBytes: config.limits.connectorMessage,
    maxConnections: config.limits.connections,
    endpointTimeoutMs: config.endpointTimeout,
  });
  const shedding = new Shedding({
    registry,
    others: () => delivery.connectionsAtOthers(),
    now: () => performance.now(),
  });
  const bodies = new BodyEndpoint({
    authentication: new ConnectorAuthentication({ verifier, tenants: tenantCache }),
    deliveries: registry,
    originId: server.originId,
    others: delivery.cluster,
  });
  const isTrustedProxy = createTrustedProxies(config.trustedProxies);
  const directory = new ConnectionDirectory(registry, {
    originId: server.originId,
    elsewhere: delivery.elsewhere,
  });
  delivery.openManagement({ directory, tenantEvents: watch });
  const recording = createRecording({
    config,
    database,
    isDatabaseUp: () => monitor.status.isAvailable,
    relay: () => relay,
    now,
  });
  const operation = createOperation({
    config,
    database,
    registry,
    server,
    directory,
    tenantEvents: [watch, delivery.tenantEvents],
    storedRequestEvents: storage.requests,
    isTrustedProxy,
    recorder: recording.recorder,
    sender: recording.client,
    components: () =>
      readComponents({ kinds, database: monitor, transport: delivery.transport, bodyStore: storage.bodies }),
    publicUrl: ({ host }) =>
      config.publicUrl ?? `${schemeOf(config)}://${URL.parse(`http://${host}`)?.hostname}:${state.publicPort()}`,
    now,
  });
  const observation = new Observation({
    config,
    database,
    server,
    registry,
    bodies: storage.bodies,
    signingKeys: authentication,
    state: {
      isReady: state.isReady,
      requestsInFlight: () => admission.inFlight,
      requestsWaiting: () => delivery.dispatcher.waiting,
      storedRequests: () => storage.requests.totals,
      shedConnections: () => shedding.asked,
      isDatabaseUp: () => monitor.status.isAvailable,
      isBodyStoreUp: () => storage.bodies.status.state === "ready",
      transport: () => delivery.status,
    },
    now,
  });
  const publicUrl = (request: ListenerRequest) =>
    config.publicUrl ?? requestBaseUrl(request, { scheme: schemeOf(config), isTrustedProxy });
  const endedRequests = new EndedRequests([accessLog, operation.observer, ...observation.observers]);
  const relay = new Relay({
    tenants: tenantCache,
    dispatcher: delivery.dispatcher,
    admission,
    keeper: storage.requests,
    gate: access.gate,
    interceptors: new Interceptors(interceptors, { maxTimeoutMs: config.requestExpiration }),
    observer: endedRequests,
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
    isReady: state.isReady,
    database: () => monitor.status,
    transport: () => delivery.status,
  });
  const limitBodies = bodyIdleLimit(config.limits.bodyIdleTimeout);
  const routes = new Hono<{ Bindings: WebBindings }>();
  routes.use(limitBodies);
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
  const webSockets = new WebSocketRelay(relay);
  const publicHandler = new PublicHandler(relay, {
    webSockets,
    connectors,
    bodies,
    routes: withProblemDocuments(routes),
    hosts: config.baseDomain === undefined ? undefined : new HostAddresses(config.baseDomain),
  });
  const management = new Hono<{ Bindings: WebBindings }>();
  management.use(limitBodies);
  management.route("/", health);
  management.route("/", operation.routes);
  const authorize = allowLoopback<WebBindings, { Bindings: WebBindings }>(operation.requireReader);
  management.route("/", createMetricsRoutes({ metrics: observation.metrics, authorize }));
  management.route("/", operation.pages);
  const managementHandler = new ManagementHandler(withProblemDocuments(management), config.management.allowedHosts);
  return {
    ...parts,
    admission,
    relay,
    endedRequests,
    webSockets,
    authentication,
    access,
    tenantWatch: watch,
    operation,
    observation,
    recording,
    connectors,
    bodies,
    shedding,
    publicHandler,
    managementHandler,
  };
}

/** Without a configured URL the request says where it was sent. */
function requestBaseUrl(
  request: ListenerRequest,
  { scheme, isTrustedProxy }: { readonly scheme: string; readonly isTrustedProxy: IsTrustedProxy },
): string {
  const forwarded = forwardedOrigin(request, isTrustedProxy);
  return `${forwarded.scheme ?? scheme}://${forwarded.host ?? request.host}`;
}

function schemeOf({ tls }: ServerConfig): "http" | "https" {
  return isTlsOn(tls) ? "https" : "http";
}
