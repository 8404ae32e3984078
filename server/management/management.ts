/**
 * Management put together: services for API, pages and commands, and the API itself.
 *
 * @module
 */

import type { ListenerRequest } from "../listener/listener.ts";
import { ApiKeyService } from "./api_key_service.ts";
import { createManagementApi } from "./api/api.ts";
import type { Api, ApiBasics } from "./api/environment.ts";
import { type ConnectionDirectory, ConnectionService } from "./connection_service.ts";
import { EventHub } from "./event_hub.ts";
import { QueueService, type StoredRequestEvents } from "./queue_service.ts";
import { PingService } from "./recordings/ping_service.ts";
import { RecordingService, type RecordingServiceParts } from "./recordings/recording_service.ts";
import { TryService } from "./recordings/try_service.ts";
import type { RequestSender } from "./request_sender.ts";
import { RequestLogService } from "./request_log_service.ts";
import { SecretService } from "./secret_service.ts";
import { SessionService } from "./session_service.ts";
import { type SetupCodeKeeper, SetupService } from "./setup_service.ts";
import { StatisticsService } from "./statistics_service.ts";
import { type ComponentStatus, StatusService } from "./status_service.ts";
import type { Store } from "./store.ts";
import { tellAll, type TenantEvents } from "./tenant_events.ts";
import { TenantService } from "./tenant_service.ts";
import { UserService } from "./user_service.ts";
import { createWeb, type Web } from "./web/web.tsx";

/** What management works with. */
export interface ManagementParts extends ApiBasics {
  readonly store: Store;
  readonly directory: ConnectionDirectory;
  /** Who makes changes effective. */
  readonly tenantEvents: readonly TenantEvents[];
  /** Makes of a password what can be stored. */
  readonly hashPassword: (password: string) => Promise<string>;
  /** Told that an API key counts no longer. */
  readonly apiKeyRemoved: (id: string) => void;
  /** What recordings need besides the rest. */
  readonly recording: Pick<RecordingServiceParts, "recordingsChanged" | "limits" | "address">;
  /** Sends requests of those who look after tenants. */
  readonly sender: RequestSender;
  /** Time between signs of life on event streams, in milliseconds; 15 s unless given. */
  readonly heartbeatMs?: number;
  /** Who makes changes of stored requests effective; unless given they are found sooner or later. */
  readonly storedRequestEvents?: StoredRequestEvents | undefined;
  /** How long a dead letter that is sent again waits at most, in milliseconds; a day unless given. */
  readonly queueExpirationMs?: number;
  /** UUID of this origin. */
  readonly originId: string;
  /** With it the first user is made. */
  readonly setupCode: SetupCodeKeeper;
  /** What the server stands on. */
  readonly components: () => readonly ComponentStatus[];
  /** The base of the public listener for connectors, as far as it is known. */
  readonly publicUrl: (request: ListenerRequest) => string;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

const DAY_MS = 86_400_000;

const NOBODY: StoredRequestEvents = { waits: () => {}, removed: () => {} };

/** Management, put together. Disposing it ends the event streams. */
export interface Management extends Disposable {
  readonly api: Api;
  /** The pages. */
  readonly web: Web;
  readonly events: EventHub;
  readonly tenants: TenantService;
  readonly secrets: SecretService;
  readonly users: UserService;
  readonly apiKeys: ApiKeyService;
  readonly connections: ConnectionService;
  readonly queue: QueueService;
  readonly requests: RequestLogService;
  readonly statistics: StatisticsService;
  readonly recordings: RecordingService;
  readonly tries: TryService;
  readonly pings: PingService;
}

/** Puts management together. */
export function createManagement(parts: ManagementParts): Management {
  const { store, directory, now } = parts;
  const events = new EventHub({ originId: parts.originId });
  const tenantEvents = tellAll([...parts.tenantEvents, publishTo(events)]);
  const { storedRequestEvents = NOBODY, queueExpirationMs = DAY_MS } = parts;
  const recordings = new RecordingService({ ...parts.recording, store, now });
  const ownUrl = parts.recording.address.publicUrl;
  const host = ownUrl === undefined ? "localhost" : new URL(ownUrl).host;
  const tries = new TryService({ store, recordings, sender: parts.sender, host });
  const connections = new ConnectionService({ store, directory });
  const users = new UserService({ store, hashPassword: parts.hashPassword });
  const services = {
    events,
    tenants: new TenantService({ store, events: tenantEvents, storedRequestEvents }),
    queue: new QueueService({ store, events: storedRequestEvents, expirationMs: queueExpirationMs, now }),
    secrets: new SecretService({ store, events: tenantEvents }),
    users,
    apiKeys: new ApiKeyService({ store, removed: parts.apiKeyRemoved }),
    connections,
    requests: new RequestLogService({ store }),
    statistics: new StatisticsService({ store, now }),
    recordings,
    tries,
    pings: new PingService({ store, directory, tries }),
    status: new StatusService({ store, connections, components: parts.components, originId: parts.originId, now }),
    sessions: new SessionService({ sessions: parts.credentials.sessions, store }),
    setup: new SetupService({ store, users, setupCode: parts.setupCode }),
  };
  const { credentials, clientAddress, isSecure, publicUrl } = parts;
  const { origins, audit } = store;
  const shared = { ...services, credentials, clientAddress, isSecure, origins, audit };
  const api = createManagementApi({
    ...shared,
    ...(parts.heartbeatMs === undefined ? {} : { heartbeatMs: parts.heartbeatMs }),
  });
  const web = createWeb({ ...shared, publicUrl, now });
  return { ...services, api, web, [Symbol.dispose]: () => events[Symbol.dispose]() };
}

/** Whoever watches hears of changes of tenants. */
function publishTo(events: EventHub): TenantEvents {
  return {
    tenantChanged: (tenantId, tenantName) =>
      events.publish({ type: "tenantChanged", tenantId, data: { tenantId, tenantName } }),
    tenantRemoved: (tenantId, tenantName) =>
      events.publish({ type: "tenantRemoved", tenantId, data: { tenantId, tenantName } }),
    secretRemoved: () => {},
  };
}
