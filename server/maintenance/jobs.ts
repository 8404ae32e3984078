/**
 * What is to be done now and then.
 *
 * @module
 */

import { prune } from "./prune.ts";

/** A job of the maintenance. */
export interface MaintenanceJob {
  /** For log and metrics. */
  readonly name: string;
  /**
   * Does it.
   *
   * @param signal Ends it early; what is left is done the next time.
   * @returns How many rows were removed.
   */
  run(signal: AbortSignal): Promise<number>;
}

/** How long the statistics have minutes, in milliseconds; from then on they have hours. */
const MINUTES_KEPT_MS = 48 * 3_600_000;

/** Removes what started, or happened, before a moment: so many at most, oldest first. */
export interface Prunable {
  prune(beforeMs: number, limit: number): Promise<number>;
}

/** What the jobs work on. */
export interface MaintainedStores {
  readonly requests: Prunable;
  /** `sumUp` makes hours of minutes, like {@linkcode Prunable.prune}. */
  readonly statistics: Prunable & { sumUp(beforeMs: number, limit: number): Promise<number> };
  readonly audit: Prunable;
  readonly recordings: Prunable;
  readonly origins: { prune(beforeMs: number): Promise<number> };
  readonly leases: { prune(beforeMs: number): Promise<number> };
  readonly sessions: { pruneExpired(): Promise<number> };
  /** Makes a new signing key when one is due, and removes those that are not needed any more. */
  readonly signingKeys: { rotateIfDue(): Promise<unknown> };
  /** Removes bodies that no stored request names. */
  readonly bodies: { removeOrphans(signal: AbortSignal): Promise<number> };
}

/** How long things are kept, in milliseconds. */
export interface Retention {
  /** Request log and statistics. */
  readonly requestMaxAgeMs: number;
  readonly auditMaxAgeMs: number;
  /** Recordings, from their end on. */
  readonly recordingMaxAgeMs: number;
  /** Origins that were not seen any more, and leases that they have left. */
  readonly originMaxAgeMs: number;
}

/**
 * Makes the jobs, the quick ones first.
 *
 * @param now The time in milliseconds since 1970.
 */
export function createMaintenanceJobs(
  stores: MaintainedStores,
  { retention, now }: { readonly retention: Retention; readonly now: () => number },
): MaintenanceJob[] {
  const pruned = (name: string, store: Prunable, maxAgeMs: number): MaintenanceJob => ({
    name,
    run: (signal) => prune((limit) => store.prune(now() - maxAgeMs, limit), { signal }),
  });
  return [
    { name: "signing_keys", run: async () => (await stores.signingKeys.rotateIfDue(), 0) },
    { name: "origins", run: () => stores.origins.prune(now() - retention.originMaxAgeMs) },
    { name: "leases", run: () => stores.leases.prune(now() - retention.originMaxAgeMs) },
    { name: "sessions", run: () => stores.sessions.pruneExpired() },
    { name: "bodies", run: (signal) => stores.bodies.removeOrphans(signal) },
    pruned("audit", stores.audit, retention.auditMaxAgeMs),
    pruned("recordings", stores.recordings, retention.recordingMaxAgeMs),
    pruned("statistics", stores.statistics, retention.requestMaxAgeMs),
    pruned("statistics_hours", { prune: (...args) => stores.statistics.sumUp(...args) }, MINUTES_KEPT_MS),
    pruned("requests", stores.requests, retention.requestMaxAgeMs),
  ];
}
