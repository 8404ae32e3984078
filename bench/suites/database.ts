/**
 * Lists in a large database: how long a page takes with 10,000 tenants and a million logged requests.
 *
 * @module
 */

import { join } from "node:path";
import { sql } from "kysely";
import {
  type Database,
  type LoggedRequest,
  migrateToLatest,
  openDatabase,
  RequestLogRepository,
  type RequestOutcome,
  TenantRepository,
} from "../../server/persistence/mod.ts";
import { newRequestId } from "../../server/relay/request_id.ts";
import { findPostgres } from "../../tests/testkit/postgres.ts";
import type { Bench, Suite } from "./suite.ts";

const TENANTS = 10_000;
const REQUESTS = 1_000_000;
const QUICK_REQUESTS = 100_000;
const BATCH = 5_000;
/** One tenant has a tenth of the requests, the others share the rest. */
const BUSY_SHARE = 10;
const DAYS = 30;
const DAY_MS = 86_400_000;
const END_MS = Date.UTC(2026, 0, 31);
const REPEATS = 15;

/** What `--check` bounds: the same loads on both databases. */
export const DATABASE_PEERS = ["SQLite", "PostgreSQL"] as const;
export const DATABASE_LOADS = [
  "page of tenants",
  "page of tenants, halfway",
  "tenants whose name contains a text",
  "newest requests",
  "newest requests of a busy tenant, page 50",
  "newest requests of a quiet tenant",
  "requests of a busy tenant that failed",
  "requests of a day with a status that is rare",
  "requests with a text in their path that none has",
] as const;

/** Fills a database of each kind and measures pages of its lists, one query after the other. */
export const database: Suite = {
  name: "database",
  async run(bench) {
    await attempt(bench, "SQLite", async () => {
      await measure(bench, "SQLite", `sqlite:${join(bench.folder, "bench.db")}`);
    });
    await attempt(bench, "PostgreSQL", async () => {
      await using made = await (await findPostgres()).createDatabase();
      await measure(bench, "PostgreSQL", made.url);
    });
  },
};

async function attempt(bench: Bench, peer: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    bench.measurements.missing.push({ suite: "database", peer, reason });
  }
}

async function measure(bench: Bench, peer: typeof DATABASE_PEERS[number], url: string): Promise<void> {
  await using db = openDatabase({ url });
  await migrateToLatest(db);
  bench.progress(`database: filling ${peer}`);
  const add = (load: string, metric: string, value: number) =>
    bench.measurements.add({ suite: "database", peer, load, metric }, value);
  const tenants = await addTenants(db);
  const count = bench.isQuick ? QUICK_REQUESTS : REQUESTS;
  const startMs = performance.now();
  await addRequests(db, { tenants, count });
  add(`${count} requests added`, "rows/s", count / (performance.now() - startMs) * 1000);
  // PostgreSQL does so by itself within a minute; until then it plans for an empty table.
  if (peer === "PostgreSQL") await sql`vacuum analyze`.execute(db);
  bench.progress(`database: measuring ${peer}`);
  const reads = pages(db, tenants);
  for (let repeat = -1; repeat < REPEATS; repeat++) {
    for (const load of DATABASE_LOADS) {
      const startedAt = performance.now();
      await reads[load](Math.max(repeat, 0));
      // The first round warms up.
      if (repeat >= 0) add(load, "ms", performance.now() - startedAt);
    }
  }
}

/** What is measured; each repeat reads something else. */
function pages(
  db: Database,
  tenants: readonly string[],
): Record<typeof DATABASE_LOADS[number], (repeat: number) => Promise<unknown>> {
  const tenantRows = new TenantRepository(db, Date.now);
  const log = new RequestLogRepository(db);
  const busy = tenants[0]!;
  const dayOf = (repeat: number) => ({ fromMs: END_MS - (repeat + 1) * DAY_MS, toMs: END_MS - repeat * DAY_MS });
  return {
    "page of tenants": (repeat) => tenantRows.list({ skip: 10 * repeat, take: 10 }),
    "page of tenants, halfway": (repeat) => tenantRows.list({ skip: TENANTS / 2 + 10 * repeat, take: 10 }),
    "tenants whose name contains a text": (repeat) => tenantRows.list({ search: `nant-00${repeat}`, take: 10 }),
    "newest requests": (repeat) => log.find({ skip: 50 * repeat, take: 50 }),
    "newest requests of a busy tenant, page 50": (repeat) =>
      log.find({ filter: { tenantId: busy }, skip: 2_500 + 50 * repeat, take: 50 }),
    "newest requests of a quiet tenant": (repeat) =>
      log.find({ filter: { tenantId: tenants[100 + repeat]! }, take: 50 }),
    "requests of a busy tenant that failed": (repeat) =>
      log.find({ filter: { tenantId: busy, outcomes: ["failed", "errored"] }, skip: 50 * repeat, take: 50 }),
    "requests of a day with a status that is rare": (repeat) =>
      log.find({ filter: { ...dayOf(repeat), minimumStatus: 502, maximumStatus: 502 }, take: 50 }),
    "requests with a text in their path that none has": (repeat) =>
      log.find({ filter: { path: `/no-such-path-${repeat}` }, take: 50 }),
  };
}

/** @returns Their ids. */
async function addTenants(db: Database): Promise<string[]> {
  return await db.transaction().execute(async (transaction) => {
    const tenants = new TenantRepository(transaction, Date.now);
    const ids: string[] = [];
    for (let index = 0; index < TENANTS; index++) {
      const name = `tenant-${String(index).padStart(5, "0")}`;
      ids.push((await tenants.insert(name, { displayName: `Branch ${index}, Österreich` })).id);
    }
    return ids;
  });
}

async function addRequests(
  db: Database,
  { tenants, count }: { readonly tenants: readonly string[]; readonly count: number },
): Promise<void> {
  const log = new RequestLogRepository(db);
  for (let start = 0; start < count; start += BATCH) {
    await log.insertMany(
      Array.from({ length: Math.min(BATCH, count - start) }, (_, index) => request(start + index, { tenants, count })),
    );
  }
}

function request(
  index: number,
  { tenants, count }: { readonly tenants: readonly string[]; readonly count: number },
): LoggedRequest {
  const place = index % BUSY_SHARE === 0 ? 0 : 1 + index % (tenants.length - 1);
  const startedAt = Math.floor(END_MS - DAYS * DAY_MS * (1 - index / count));
  const outcome: RequestOutcome = index % 50 === 0 ? "failed" : index % 171 === 0 ? "expired" : "succeeded";
  return {
    id: newRequestId(startedAt),
    tenantId: tenants[place]!,
    tenantName: `tenant-${String(place).padStart(5, "0")}`,
    originId: "0f8fad5b-d9cb-469f-a165-70867728950e",
    connectionId: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    startedAt,
    durationMs: index % 977 / 7,
    target: `target-${index % 5}`,
    method: index % 4 === 0 ? "POST" : "GET",
    path: `/api/orders/${index}/positions`,
    clientAddress: `192.0.2.${index % 256}`,
    status: outcome === "failed" ? 502 : outcome === "expired" ? 504 : 200,
    outcome,
    errorCode: outcome === "failed" ? "target_unreachable" : outcome === "expired" ? "request_expired" : null,
    policyReason: null,
    requestBytes: 0,
    relayedRequestBytes: 0,
    responseBytes: 1024,
    relayedResponseBytes: 1024,
    waitedMs: 1.5,
    tunnelMs: 0.5,
    targetMs: 2.25,
    deliveries: 1,
  };
}
