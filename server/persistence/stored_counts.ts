/**
 * How much is stored.
 *
 * @module
 */

import type { Database } from "./schema.ts";

/** What a tenant has stored. */
export interface StoredUsage {
  readonly requests: number;
  readonly bytes: number;
}

/** How many requests a tenant has stored. */
export interface TenantStoredCounts extends StoredCounts {
  readonly tenantName: string;
}

/** What all tenants have stored. */
export interface StoredTotals extends StoredCounts {
  /** When the oldest request that is not dead came; `undefined` when there is none. */
  readonly oldestAt: number | undefined;
}

/** How many requests are stored. */
export interface StoredCounts {
  /** Those that are not dead. */
  readonly queued: number;
  readonly dead: number;
}

/** What a tenant has stored, dead letters included. */
export async function readUsage(db: Database, tenantId: string): Promise<StoredUsage> {
  const row = await db.selectFrom("stored_requests")
    .select(({ fn }) => [fn.countAll().as("requests"), fn.sum("body_bytes").as("bytes")])
    .where("tenant_id", "=", tenantId).executeTakeFirstOrThrow();
  return { requests: Number(row.requests), bytes: Number(row.bytes ?? 0) };
}

/** What all tenants have stored. */
export async function readTotals(db: Database): Promise<StoredTotals> {
  const rows = await db.selectFrom("stored_requests")
    .select(({ fn }) => ["state", fn.countAll().as("count"), fn.min("created_at").as("oldest")])
    .groupBy("state").execute();
  const live = rows.filter(({ state }) => state !== "dead");
  const count = (some: typeof rows) => some.reduce((sum, { count }) => sum + Number(count), 0);
  const oldestAt = live.length === 0 ? undefined : Math.min(...live.map(({ oldest }) => Number(oldest)));
  return { queued: count(live), dead: count(rows) - count(live), oldestAt };
}

/** How many requests a tenant has stored, or all tenants when none is named. */
export async function readCounts(db: Database, tenantId?: string): Promise<StoredCounts> {
  let query = db.selectFrom("stored_requests").select(({ fn }) => ["state", fn.countAll().as("count")]);
  if (tenantId !== undefined) query = query.where("tenant_id", "=", tenantId);
  const counts = { queued: 0, dead: 0 };
  for (const { state, count } of await query.groupBy("state").execute()) {
    counts[state === "dead" ? "dead" : "queued"] += Number(count);
  }
  return counts;
}

/** The tenants that have stored requests: those with most dead letters first, then those with most that wait. */
export async function readCountsByTenant(
  db: Database,
  { take }: { readonly take: number },
): Promise<TenantStoredCounts[]> {
  const rows = await db.selectFrom("stored_requests").innerJoin("tenants", "tenants.id", "tenant_id")
    .select(({ fn, eb }) => [
      "tenants.name",
      fn.countAll().as("count"),
      fn.sum(eb.case().when("state", "=", "dead").then(1).else(0).end()).as("dead"),
    ])
    .groupBy(["tenants.id", "tenants.name"])
    .orderBy("dead", "desc").orderBy("count", "desc").orderBy("tenants.name").limit(take).execute();
  return rows.map(({ name, count, dead }) => ({
    tenantName: name,
    queued: Number(count) - Number(dead),
    dead: Number(dead),
  }));
}
