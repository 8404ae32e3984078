/**
 * The part of the composition root that watches the server and looks after what it leaves behind: request log, statistics, metrics, webhooks,
 * maintenance.
 *
 * @module
 */

import type { BodyStore } from "./body_store/mod.ts";
import type { ServerConfig } from "./config/server_config.ts";
import type { ConnectionRegistry } from "./connectors/registry.ts";
import { createMaintenanceJobs, Maintenance, OriginHeartbeat, OrphanedBodies } from "./maintenance/mod.ts";
import { type MeasuredConnection, type MetricSources, ServerMetrics } from "./metrics/mod.ts";
import {
  AuditRepository,
  type Database,
  LeaseRepository,
  OriginRepository,
  RecordingRepository,
  RequestLogRepository,
  SessionRepository,
  StatisticsRepository,
  StoredRequestRepository,
} from "./persistence/mod.ts";
import type { RelayObserver } from "./relay/observer.ts";
import type { ServerFacts } from "./relay/tracing.ts";
import { RequestLogWriter, StatisticsCollector } from "./statistics/mod.ts";
import { PresenceEvents, Webhooks } from "./webhooks/mod.ts";

/** How long the last rows and events may take when the server stops, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

/** What is watched. */
export interface ObservedParts {
  readonly config: ServerConfig;
  readonly database: Database;
  readonly server: ServerFacts;
  readonly registry: ConnectionRegistry;
  readonly signingKeys: { rotateIfDue(): Promise<unknown> };
  readonly bodies: BodyStore;
  /** How the server is. */
  readonly state: Pick<
    MetricSources,
    | "isReady"
    | "requestsInFlight"
    | "requestsWaiting"
    | "storedRequests"
    | "shedConnections"
    | "isDatabaseUp"
    | "isBodyStoreUp"
    | "transport"
  >;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Watches a server from its start to its end. */
export class Observation {
  /** What the relay tells of every request. */
  readonly observers: readonly RelayObserver[];
  readonly metrics: ServerMetrics;
  readonly #requestLog: RequestLogWriter;
  readonly #statistics: StatisticsCollector;
  readonly #presence: PresenceEvents;
  readonly #webhooks: Webhooks;
  readonly #maintenance: Maintenance;
  readonly #heartbeat: OriginHeartbeat;

  constructor(parts: ObservedParts) {
    const { config, database, server, registry, state, now } = parts;
    const { originId, version } = server;
    this.#requestLog = new RequestLogWriter(new RequestLogRepository(database), { outcomes: config.requestLogger });
    this.#statistics = new StatisticsCollector(new StatisticsRepository(database), { now });
    this.#webhooks = new Webhooks(config.webhooks, { originId, version, now });
    this.#presence = new PresenceEvents(registry, { graceMs: config.connectionGrace, now });
    this.#presence.onEvent((event) => this.#webhooks.send(event));
    this.#maintenance = createMaintenance(parts);
    const { machineName } = server;
    const origin = { id: originId, machineName, version, publicUrl: config.publicUrl ?? null, startedAt: now() };
    this.#heartbeat = new OriginHeartbeat(new OriginRepository(database, now), {
      origin,
      connections: () => registry.size,
    });
    this.metrics = new ServerMetrics({
      ...state,
      connections: () => measured(registry),
      requestLog: () => this.#requestLog,
      droppedStatistics: () => this.#statistics.dropped,
      webhooks: () => this.#webhooks.list(),
      maintenance: () => this.#maintenance.reports,
    }, { version, ...config.metrics });
    this.observers = [this.metrics.requests, this.#statistics, this.#requestLog];
  }

  /** Begins what does not wait for requests. */
  async start(): Promise<void> {
    await this.#heartbeat.start();
    this.#maintenance.start();
  }

  /** The server finishes what runs. Its tenants go elsewhere, so nothing is told about them any more. */
  drain(): void {
    this.#presence[Symbol.dispose]();
    this.#heartbeat.drain();
  }

  /** Writes and delivers what is left, within a limit. To be called after the last request, and before the database is closed. */
  async close(): Promise<void> {
    const limit = { timeoutMs: CLOSE_TIMEOUT_MS };
    this.#presence[Symbol.dispose]();
    await Promise.all([
      this.#requestLog.close(limit),
      this.#statistics.close(limit),
      this.#webhooks.close(limit),
      this.#maintenance[Symbol.asyncDispose](),
    ]);
    await this.#heartbeat.stop();
    this.metrics[Symbol.dispose]();
  }
}

function createMaintenance({ config, database, server, signingKeys, bodies, now }: ObservedParts): Maintenance {
  const leases = new LeaseRepository(database, now);
  const jobs = createMaintenanceJobs({
    requests: new RequestLogRepository(database),
    statistics: new StatisticsRepository(database),
    audit: new AuditRepository(database, now),
    recordings: new RecordingRepository(database, now),
    origins: new OriginRepository(database, now),
    leases,
    sessions: new SessionRepository(database, now),
    signingKeys,
    bodies: new OrphanedBodies(bodies, new StoredRequestRepository(database)),
  }, {
    retention: {
      requestMaxAgeMs: config.statistics.requestMaxAge,
      auditMaxAgeMs: config.audit.maxAge,
      recordingMaxAgeMs: config.recordings.maxAge,
      originMaxAgeMs: config.statistics.entryMaxAge,
    },
    now,
  });
  const { originId } = server;
  return new Maintenance(jobs, { leases, originId, intervalMs: config.maintenance.runInterval, now });
}

function* measured(registry: ConnectionRegistry): Iterable<MeasuredConnection> {
  for (const { facts: { tenantName }, inFlight } of registry.list()) yield { tenantName, inFlight };
}
