/**
 * The part of the composition root that puts management together: who may use it, what it shows, what hears of its changes.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { getLogger } from "../shared/log/mod.ts";
import { ApiKeys, LoginThrottle, Passwords, Sessions, SetupCode } from "./auth/mod.ts";
import type { ServerConfig } from "./config/server_config.ts";
import type { ConnectionDirectory } from "./connectors/connection_directory.ts";
import type { ConnectionRegistry } from "./connectors/registry.ts";
import { isTlsOn } from "./listener/create_listener.ts";
import {
  createManagement,
  createRoleGuard,
  createStore,
  type EventHub,
  type Management,
  type ManagementParts,
  type RequestSender,
  type TenantEvents,
} from "./management/mod.ts";
import type { Database, OriginState } from "./persistence/mod.ts";
import { clientAddress, forwardedOrigin } from "./relay/forwarded.ts";
import type { RelayObserver } from "./relay/observer.ts";

/** What management is put together from. */
export interface OperationParts {
  readonly config: ServerConfig;
  readonly database: Database;
  readonly registry: ConnectionRegistry;
  readonly directory: ConnectionDirectory;
  readonly server: { readonly originId: string; readonly version: string; readonly machineName: string };
  /** Who makes changes of tenants effective. */
  readonly tenantEvents: readonly TenantEvents[];
  readonly isTrustedProxy: (address: string) => boolean;
  /** Who makes changes of stored requests effective. */
  readonly storedRequestEvents: ManagementParts["storedRequestEvents"];
  /** Records; told when what is to be recorded has changed. */
  readonly recorder: { refresh(): Promise<void> };
  /** Sends requests for those who look after tenants. */
  readonly sender: RequestSender;
  /** What the server stands on. */
  readonly components: ManagementParts["components"];
  /** The base of the public listener, for connectors. */
  readonly publicUrl: ManagementParts["publicUrl"];
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Management as the server sees it. */
export interface Operation {
  /** To be mounted at the root of the management listener. */
  readonly routes: Management["api"];
  /** The pages, to be mounted after everything else: what nobody else answers is a page that does not exist. */
  readonly pages: Management["web"];
  /** Hears of relayed requests, for those who watch. */
  readonly observer: RelayObserver;
  /** With it the first user is made. */
  readonly setupCode: SetupCode;
  /** Prints the setup code in the log when there is no user yet. */
  offerSetup(): Promise<void>;
  /** Answers whoever may not read, for routes of others on the management listener. */
  readonly requireReader: MiddlewareHandler;
  /** The server takes requests. */
  start(): void;
  /** The server takes no new requests. */
  drain(): void;
  /** Ends event streams, for which the listener would wait. */
  stop(): void;
}

const SETUP_HINT =
  "There is no user yet: make the first administrator in the management web with the setup code {code}, " +
  "or with the command `users add NAME --role admin`";

const logger = getLogger("server");

/** Puts management together. */
export function createOperation(parts: OperationParts): Operation {
  const { config, registry, server, now } = parts;
  const store = createStore(parts.database, now);
  const apiKeys = new ApiKeys({ store: store.apiKeys, now });
  const passwords = new Passwords();
  const throttle = new LoginThrottle({ now });
  const credentials = {
    apiKeys,
    sessions: new Sessions({ users: store.users, sessions: store.sessions, passwords, throttle, now }),
  };
  const setupCode = new SetupCode({ made: (code) => logger.warn(SETUP_HINT, { code }) });
  const management = createManagement({
    ...parts,
    setupCode,
    store,
    directory: parts.directory,
    credentials,
    hashPassword: (password) => passwords.hash(password),
    apiKeyRemoved: (id) => apiKeys.forget(id),
    clientAddress: ({ headers, peerAddress }) => clientAddress(headers, peerAddress, parts.isTrustedProxy),
    isSecure: (request) =>
      isTlsOn(config.management.tls) || forwardedOrigin(request, parts.isTrustedProxy).scheme === "https",
    recording: {
      recordingsChanged: () => parts.recorder.refresh(),
      limits: {
        maxDurationMs: config.recordings.maxDuration,
        maxRequests: config.recordings.maxRequests,
        maxBytes: config.recordings.maxSize,
      },
      address: { publicUrl: config.publicUrl, scheme: isTlsOn(config.tls) ? "https" : "http" },
    },
    originId: server.originId,
    queueExpirationMs: config.queueExpiration,
  });
  const { events } = management;
  const tellState = (state: OriginState) => {
    const data = { originId: server.originId, machineName: server.machineName, state };
    events.publish({ type: "originChanged", tenantId: undefined, data });
  };
  registry.onPresence(({ tenantId, tenantName, isOnline }) =>
    events.publish({ type: isOnline ? "tenantOnline" : "tenantOffline", tenantId, data: { tenantId, tenantName } })
  );
  return {
    routes: management.api,
    pages: management.web,
    setupCode,
    observer: requestEvents(events),
    requireReader: createRoleGuard("reader", credentials),
    start: () => tellState("ready"),
    async offerSetup() {
      const { totalCount } = await store.users.list({ take: 1 });
      if (totalCount === 0) setupCode.renew();
    },
    drain: () => tellState("draining"),
    stop: () => management[Symbol.dispose](),
  };
}

/** Costs a relayed request nothing while nobody watches. */
function requestEvents(events: EventHub): RelayObserver {
  return {
    requestEnded(request) {
      if (!events.isWatched("requestFinished")) return;
      const { tenantId, tenant, startedAtMs, ...rest } = request;
      const data = { ...rest, tenantId, tenantName: tenant, started: new Date(startedAtMs).toISOString() };
      events.publish({ type: "requestFinished", tenantId, data });
    },
  };
}
