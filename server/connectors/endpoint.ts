/**
 * `GET /connector`: where connectors open their WebSocket. Everything that can be refused is refused before the upgrade, with plain HTTP.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import { CloseCode, SUB_PROTOCOL } from "../../shared/protocol/frame.ts";
import { acceptSession } from "../../shared/protocol/handshake.ts";
import type { ConnectionSettings, Hello, ServedTargets } from "../../shared/protocol/handshake_heads.ts";
import type { MessagePipe } from "../../shared/protocol/pipe.ts";
import type { Session } from "../../shared/protocol/session.ts";
import type { SessionHandlers } from "../../shared/protocol/session_options.ts";
import { getLogger } from "../../shared/log/mod.ts";
import type { TokenVerifier, VerifiedToken } from "../auth/token_verifier.ts";
import { Places } from "../dispatch/places.ts";
import type { ListenerRequest, UpgradeAnswer } from "../listener/listener.ts";
import type { Tenant } from "../persistence/tenants.ts";
import { ConnectorConnection } from "./connection.ts";
import { bearerOf, ConnectorAuthentication, type TenantsById } from "./connector_authentication.ts";
import { settingsOf } from "./connection_settings.ts";
import { ConnectionToken } from "./connection_token.ts";
import type { ConnectionRegistry } from "./registry.ts";

const logger = getLogger("connectors");
const NO_ROOM = "The tenant has its share of connections";

/** Hears of new connections. */
export interface ConnectionWatch {
  /** Must not throw. */
  connected(connection: ConnectorConnection): void;
}

/** What the endpoint works with. */
export interface ConnectorEndpointParts {
  readonly tenants: TenantsById;
  readonly verifier: TokenVerifier;
  readonly registry: ConnectionRegistry;
  readonly watch: ConnectionWatch;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** What the endpoint is configured with. */
export interface ConnectorEndpointOptions {
  readonly server: { readonly originId: string; readonly version: string; readonly machineName: string };
  /** What connectors are told that their tenant does not say otherwise. */
  readonly settings: ConnectionSettings;
  readonly handshakeTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxConnections: number;
  /** How long after the head of a response its body may be awaited, in milliseconds. */
  readonly endpointTimeoutMs: number;
}

/** Who opened a WebSocket. */
interface Client {
  readonly tenant: Tenant;
  readonly token: VerifiedToken;
  readonly peerAddress: string;
}

/** What the frames of a connection are for, once there is one. */
interface Connected {
  readonly connection: ConnectorConnection;
  readonly token: ConnectionToken;
}

/** Accepts connectors. */
export class ConnectorEndpoint {
  readonly #parts: ConnectorEndpointParts;
  readonly #authentication: ConnectorAuthentication;
  readonly #options: ConnectorEndpointOptions;
  readonly #stopping = new AbortController();
  /** Connections and those that are not yet one, from the upgrade to the end of the WebSocket. */
  readonly #places: Places;

  constructor(parts: ConnectorEndpointParts, options: ConnectorEndpointOptions) {
    this.#parts = parts;
    this.#authentication = new ConnectorAuthentication(parts);
    this.#options = options;
    this.#places = new Places({ total: options.maxConnections });
  }

  /** Refuses new connections from now on. */
  close(): void {
    this.#stopping.abort(new Error("The server stops"));
  }

  /**
   * Decides on a connector's WebSocket request.
   *
   * @throws {RelayError} `draining`, `overloaded`, `invalid_request`, `authentication_required`, `authentication_unavailable`,
   * `access_denied`, `tenant_disabled`.
   */
  async handle(request: ListenerRequest): Promise<UpgradeAnswer> {
    if (this.#stopping.signal.aborted) {
      throw new RelayError("draining", "This server is about to stop", { retryAfterSeconds: 0 });
    }
    checkUpgrade(request);
    const token = await this.#authentication.verify(bearerOf(request));
    const tenant = await this.#authentication.tenantOf(token);
    if (!this.#places.hasRoom(tenant.id)) {
      throw new RelayError("overloaded", NO_ROOM);
    }
    const client = { tenant, token, peerAddress: request.peerAddress };
    return { protocol: SUB_PROTOCOL, accept: (pipe) => void this.#accept(pipe, client) };
  }

  /** What a connection needs after its handshake lives on by itself, so that the many that are idle keep nothing of these calls. */
  async #accept(pipe: MessagePipe, client: Client): Promise<void> {
    const { id } = client.tenant;
    // Many that waited for one look-up were let in by the same free place.
    if (!this.#places.hasRoom(id)) return pipe.close(CloseCode.goingAway, NO_ROOM);
    this.#places.take(id);
    let session: Session | undefined;
    try {
      session = await this.#open(pipe, client);
    } finally {
      if (session === undefined) this.#places.giveBack(id);
    }
    session?.ended.then(() => this.#places.giveBack(id));
  }

  /** Returns the session of the connection; `undefined` when there is none. */
  async #open(pipe: MessagePipe, client: Client): Promise<Session | undefined> {
    const { tenant, token, peerAddress } = client;
    const id = crypto.randomUUID();
    const log = logger.with({ connectionId: id, tenant: tenant.name, peerAddress });
    const connected = Promise.withResolvers<Connected>();
    const opened = await acceptSession(pipe, {
      timeoutMs: this.#options.handshakeTimeoutMs,
      signal: this.#stopping.signal,
      welcome: () => this.#welcome(id, tenant),
      handlers: this.#handlers(tenant.id, connected.promise),
    }).catch((error) => log.warn("Handshake of {tenant} from {peerAddress} failed: {error}", { error }));
    if (opened === undefined) return;
    this.#allowHttpBodies(opened.session, opened.hello);
    const connection = this.#createConnection(opened.session, opened.hello, { id, ...client });
    const connectionToken = this.#createToken(connection, tenant.id);
    connectionToken.holdUntil(token.expiresAt);
    connected.resolve({ connection, token: connectionToken });
    this.#serve(connection, opened.session, log);
    return opened.session;
  }

  #createToken(connection: ConnectorConnection, tenantId: string): ConnectionToken {
    return new ConnectionToken(connection, {
      renew: (renewed) => this.#checkRenewed(renewed, tenantId),
      isPossible: () => this.#authentication.findTenant(tenantId).then(() => true, () => false),
      now: this.#parts.now,
    });
  }

  #allowHttpBodies(session: Session, { httpBodies }: Hello): void {
    const { settings: { httpBodyMinimumBytes: minimumBytes }, endpointTimeoutMs: timeoutMs } = this.#options;
    if (httpBodies && minimumBytes !== undefined) session.allowHttpBodies({ minimumBytes, timeoutMs });
  }

  #serve(connection: ConnectorConnection, session: Session, log: ReturnType<typeof getLogger>): void {
    const { connector, targets, unhealthyTargets: unhealthy = [] } = connection.facts;
    log.info("{tenant} connected from {peerAddress}: {machineName}, version {version}, targets {targets}", {
      ...connector,
      targets,
      ...(unhealthy.length === 0 ? {} : { unhealthy }),
    });
    const registration = this.#parts.registry.add(connection);
    this.#parts.watch.connected(connection);
    session.ended.then(({ code, reason, error }) => {
      log.info("{tenant} disconnected: {code} {reason}", { code, reason, error: error?.message });
      registration[Symbol.dispose]();
    });
  }

  #createConnection(session: Session, hello: Hello, client: Client & { readonly id: string }): ConnectorConnection {
    const { id, tenant, token, peerAddress } = client;
    const { connector, targets, unhealthy = [] } = hello;
    const facts = {
      id,
      originId: this.#options.server.originId,
      tenantId: tenant.id,
      tenantName: tenant.name,
      secretId: token.secretId ?? null,
      peerAddress,
      connectedAt: this.#parts.now(),
      connector,
      targets,
      unhealthyTargets: unhealthy,
    };
    return new ConnectorConnection(session, facts, settingsOf(tenant, this.#options.settings));
  }

  #welcome(connectionId: string, tenant: Tenant) {
    const { server, settings, maxMessageBytes } = this.#options;
    return {
      server,
      connectionId,
      tenantName: tenant.name,
      limits: { maxMessageBytes },
      settings: settingsOf(tenant, settings).settings,
    };
  }

  #handlers(tenantId: string, connected: Promise<Connected>): SessionHandlers {
    return {
      deliveryEnded: () => this.#parts.registry.changed(tenantId),
      goAway: () => this.#parts.registry.changed(tenantId),
      authenticate: (token) => void connected.then((known) => known.token.renew(token)),
      targets: (served) => void connected.then(({ connection }) => changeTargets(connection, served)),
    };
  }

  /** A renewed token must be as good as the first. */
  async #checkRenewed(token: string, tenantId: string): Promise<number> {
    const verified = await this.#authentication.verify(token);
    if (verified.tenantId !== tenantId) throw new RelayError("access_denied", "The token belongs to another tenant");
    await this.#authentication.tenantOf(verified);
    return verified.expiresAt;
  }
}

/** @throws {RelayError} `invalid_request`. */
function checkUpgrade({ method, headers }: ListenerRequest): void {
  const offered = (headerValue(headers, "sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  if (
    method !== "GET" || headerValue(headers, "upgrade")?.toLowerCase() !== "websocket" ||
    headerValue(headers, "sec-websocket-version") !== "13" || headerValue(headers, "sec-websocket-key") === undefined ||
    !offered.includes(SUB_PROTOCOL)
  ) {
    throw new RelayError("invalid_request", `Connectors open a WebSocket with the sub-protocol ${SUB_PROTOCOL} here`);
  }
}

function changeTargets(connection: ConnectorConnection, served: ServedTargets): void {
  connection.setTargets(served);
  logger.info("{tenant} serves the targets {targets}, unhealthy: {unhealthy}", {
    connectionId: connection.id,
    tenant: connection.facts.tenantName,
    targets: served.targets,
    unhealthy: served.unhealthy ?? [],
  });
}
