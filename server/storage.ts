/**
 * The part of the composition root that keeps requests until they are settled.
 *
 * @module
 */

import { join } from "node:path";
import { type BodyStore, createBodyStore, MonitoredBodyStore } from "./body_store/mod.ts";
import type { ServerConfig } from "./config/server_config.ts";
import type { LocalConnections } from "./dispatch/connections.ts";
import type { Dispatcher } from "./dispatch/dispatcher.ts";
import { type Database, LeaseRepository, readAcknowledgeKey, StoredRequestRepository } from "./persistence/mod.ts";
import { AcknowledgeTokens } from "./queue/acknowledge_tokens.ts";
import { StoredRequests } from "./queue/stored_requests.ts";
import type { TenantQueues } from "./transport/transport.ts";

/** Delivery, as far as storage needs it. */
export interface StorageDelivery {
  readonly dispatcher: Dispatcher;
  readonly transport: { readonly queues: TenantQueues };
  readonly cluster: { readonly peers: Iterable<{ readonly originId: string }> } | undefined;
  onStoredRequestWaits(listener: (tenantId: string) => void): void;
}

/** What storage is put together from. */
export interface StorageParts {
  readonly config: ServerConfig;
  readonly database: Database;
  /** The connections at this origin. */
  readonly connections: LocalConnections;
  readonly delivery: StorageDelivery;
  readonly origin: { readonly originId: string };
  /** Somebody else's store; then the configured one is not made. */
  readonly bodyStore?: BodyStore | undefined;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Storage as the server sees it. */
export interface Storage {
  readonly bodies: MonitoredBodyStore;
  readonly requests: StoredRequests;
}

/** Puts storage together. */
export async function createStorage(
  { config, database, connections, delivery, origin, bodyStore, now }: StorageParts,
): Promise<Storage> {
  const bodies = new MonitoredBodyStore(
    bodyStore ?? await createBodyStore(config.bodyStore, join(config.dataDirectory, "bodies")),
    { probeName: origin.originId, now },
  );
  const { dispatcher, transport, cluster } = delivery;
  const requests = new StoredRequests({
    requests: new StoredRequestRepository(database),
    leases: new LeaseRepository(database, now),
    bodies,
    dispatcher,
    connections,
    queues: transport.queues,
    tokens: new AcknowledgeTokens(await readAcknowledgeKey(database)),
    peers: () => [...cluster?.peers ?? []].map(({ originId }) => originId),
    now,
  }, {
    originId: origin.originId,
    keepAliveIntervalMs: config.keepAliveInterval,
    acknowledgeTimeoutMs: config.acknowledgeTimeout,
    redeliveryLimit: config.redeliveryLimit,
    queueExpirationMs: config.queueExpiration,
    limit: { requests: config.limits.queuedRequestsPerTenant, bytes: config.limits.queuedBytesPerTenant },
  });
  delivery.onStoredRequestWaits((tenantId) => requests.wake(tenantId));
  return { bodies, requests };
}
