import assert from "node:assert/strict";
import { createMaintenanceJobs } from "./jobs.ts";

Deno.test("createMaintenanceJobs() removes what is older than it may get", async () => {
  const calls: unknown[] = [];
  const store = (name: string) => ({
    prune: (beforeMs: number) => {
      calls.push([name, beforeMs]);
      return Promise.resolve(1);
    },
  });
  const jobs = createMaintenanceJobs({
    requests: store("requests"),
    statistics: { ...store("statistics"), sumUp: store("statistics_hours").prune },
    audit: store("audit"),
    recordings: store("recordings"),
    origins: store("origins"),
    leases: store("leases"),
    sessions: { pruneExpired: () => Promise.resolve(2) },
    signingKeys: { rotateIfDue: () => Promise.resolve(true) },
    bodies: { removeOrphans: () => Promise.resolve(3) },
  }, {
    retention: { requestMaxAgeMs: 30, auditMaxAgeMs: 365, recordingMaxAgeMs: 7, originMaxAgeMs: 15 },
    now: () => 1_000,
  });
  const { signal } = new AbortController();
  const removed = [];
  for (const job of jobs) removed.push([job.name, await job.run(signal)]);
  assert.deepEqual(calls, [
    ["origins", 985],
    ["leases", 985],
    ["audit", 635],
    ["recordings", 993],
    ["statistics", 970],
    [
      "statistics_hours",
      1_000 - 48 * 3_600_000,
    ],
    ["requests", 970],
  ]);
  assert.deepEqual(removed, [
    ["signing_keys", 0],
    ["origins", 1],
    ["leases", 1],
    ["sessions", 2],
    ["bodies", 3],
    ["audit", 1],
    ["recordings", 1],
    ["statistics", 1],
    ["statistics_hours", 1],
    ["requests", 1],
  ]);
});
