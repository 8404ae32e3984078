/**
 * Requests that are kept until they are settled. The row is the truth: whoever changes it decides, whatever anybody remembers.
 *
 * @module
 */

import { type CompiledQuery, type Kysely, type Selectable, SqliteAdapter } from "kysely";
import { chunks } from "./chunks.ts";
import type {
  AcknowledgeMode,
  Database,
  DeadLetterReason,
  Schema,
  StoredKind,
  StoredRequestTable,
  StoredState,
} from "./schema.ts";

/** What is kept of a request. */
export interface StoredRequest {
  /** UUID. */
  readonly id: string;
  readonly tenantId: string;
  readonly kind: StoredKind;
  readonly mode: AcknowledgeMode;
  readonly state: StoredState;
  /** The order within the tenant. */
  readonly sequence: number;
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly isTraced: boolean;
  /** A small body. */
  readonly body: Uint8Array | null;
  /** Where a large one is in the body store. */
  readonly bodyKey: string | null;
  readonly bodyBytes: number;
  /** Base of the URL by which a target acknowledges. */
  readonly acknowledgeBase: string;
  /** Milliseconds since 1970, like all times here. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Deliveries that were begun. */
  readonly attempts: number;
  readonly nextAttemptAt: number;
  /** The origin that delivers it. */
  readonly holder: string | null;
  readonly reason: DeadLetterReason | null;
  readonly lastError: string | null;
}

/** Which row, as long as it is the holder's. */
export interface HeldRequest {
  readonly id: string;
  readonly holder: string;
}

/** How a request goes on. */
export interface NextAttempt extends HeldRequest {
  readonly attempts: number;
  readonly nextAttemptAt: number;
  readonly lastError: string | null;
  /** Whether its holder keeps it, and delivers it again itself. */
  readonly isKept: boolean;
}

/** How a request is given up. */
export interface Burial extends HeldRequest {
  readonly attempts: number;
  readonly reason: DeadLetterReason;
  readonly lastError: string | null;
}

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

/** A body in the body store that nobody needs any more. */
export interface RemovedRequest {
  readonly id: string;
  readonly bodyKey: string | null;
  readonly holder: string | null;
}

/** Reads and writes stored requests. */
export class StoredRequestRepository {
  readonly #db: Database;
  /** Building a statement for many rows costs more than running it. */
  readonly #inserts = new Map<number, CompiledQuery>();
  readonly #removals = new Map<number, CompiledQuery>();
  readonly #isSqlite: boolean;

  /** @param db A migrated database. */
  constructor(db: Database) {
    this.#db = db;
    this.#isSqlite = db.getExecutor().adapter instanceof SqliteAdapter;
  }

  /** Adds requests, all or none. One that is there already is left as it is. */
  async insertMany(requests: readonly StoredRequest[]): Promise<void> {
    const [first, ...others] = chunks(requests);
    if (first === undefined) return;
    if (others.length === 0) return await this.#insert(this.#db, first);
    await this.#db.transaction().execute(async (transaction) => {
      for (const chunk of [first, ...others]) await this.#insert(transaction, chunk);
    });
  }

  /** Removes requests: they are settled. */
  async removeMany(ids: readonly string[]): Promise<void> {
    const [first, ...others] = chunks(ids);
    if (first === undefined) return;
    if (others.length === 0) return await this.#remove(this.#db, first);
    await this.#db.transaction().execute(async (transaction) => {
      for (const chunk of [first, ...others]) await this.#remove(transaction, chunk);
    });
  }

  /**
   * Takes the requests of a tenant that are due, oldest first, and begins their next delivery.
   *
   * @param options `limit`: so many at most.
   */
  async claim(
    tenantId: string,
    { holder, limit, nowMs }: { readonly holder: string; readonly limit: number; readonly nowMs: number },
  ): Promise<StoredRequest[]> {
    const due = this.#db.selectFrom("stored_requests").select("id").where("tenant_id", "=", tenantId)
      .where("state", "=", "waiting").where("next_attempt_at", "<=", nowMs)
      .where("expires_at", ">", nowMs).orderBy("sequence").limit(limit);
    const rows = await this.#db.updateTable("stored_requests")
      .set(({ eb }) => ({ state: "delivering", holder, attempts: eb("attempts", "+", 1) }))
      .where("id", "in", this.#isSqlite ? due : due.forUpdate().skipLocked())
      .where("state", "=", "waiting")
      .returningAll().execute();
    return rows.map(toStoredRequest).sort((a, b) => a.sequence - b.sequence);
  }

  /** When the first waiting request of a tenant is due; `undefined` when none waits. Those that have expired are not waited for any more. */
  async nextAttemptAt(tenantId: string, { nowMs }: { readonly nowMs: number }): Promise<number | undefined> {
    const { due } = await this.#db.selectFrom("stored_requests")
      .select(({ fn }) => fn.min("next_attempt_at").as("due"))
      .where("tenant_id", "=", tenantId).where("state", "=", "waiting").where("expires_at", ">", nowMs)
      .executeTakeFirstOrThrow();
    return (due as number | null) ?? undefined;
  }

  /**
   * Says how a request goes on that its holder could not settle.
   *
   * @returns Whether it is still the holder's: otherwise it was settled, removed, or taken over.
   */
  async reschedule(
    { id, holder, attempts, nextAttemptAt, lastError, isKept }: NextAttempt,
  ): Promise<boolean> {
    const { numUpdatedRows } = await this.#db.updateTable("stored_requests").set({
      attempts,
      next_attempt_at: nextAttemptAt,
      last_error: lastError,
      ...(isKept ? {} : { state: "waiting", holder: null }),
    }).where("id", "=", id).where("holder", "=", holder).where("state", "=", "delivering").executeTakeFirstOrThrow();
    return numUpdatedRows > 0n;
  }

  /** Gives a request up. @returns Whether it was still the holder's. */
  async bury({ id, holder, attempts, reason, lastError }: Burial): Promise<boolean> {
    const { numUpdatedRows } = await this.#db.updateTable("stored_requests")
      .set({ state: "dead", holder: null, attempts, reason, last_error: lastError })
      .where("id", "=", id).where("holder", "=", holder).where("state", "=", "delivering").executeTakeFirstOrThrow();
    return numUpdatedRows > 0n;
  }

  /**
   * Settles a request because its target said so.
   *
   * @returns What was removed; `undefined` when it is not there any more, or dead.
   */
  async acknowledge(
    tenantId: string,
    { id }: { readonly id: string },
  ): Promise<RemovedRequest | undefined> {
    const row = await this.#db.deleteFrom("stored_requests").where("id", "=", id).where("tenant_id", "=", tenantId)
      .where("mode", "=", "manual").where("state", "!=", "dead").returning(["id", "body_key", "holder"])
      .executeTakeFirst();
    return row && toRemoved(row);
  }

  /**
   * Takes requests away from holders that do not live any more.
   *
   * @param options `alive`: holders known to live; others live as long as they have a lease whose name begins with `leasePrefix`.
   * @returns How many there were.
   */
  async recover(
    { alive, leasePrefix, nowMs }: {
      readonly alive: readonly string[];
      readonly leasePrefix: string;
      readonly nowMs: number;
    },
  ): Promise<number> {
    const { numUpdatedRows } = await this.#db.updateTable("stored_requests")
      .set({ state: "waiting", holder: null, next_attempt_at: nowMs })
      .where("state", "=", "delivering").where("holder", "not in", alive)
      .where(({ not, exists, selectFrom }) =>
        not(exists(
          selectFrom("leases").select("name").whereRef("leases.holder", "=", "stored_requests.holder")
            .where("leases.name", "like", `${leasePrefix}%`).where("leases.expires_at", ">", nowMs),
        ))
      ).executeTakeFirstOrThrow();
    return Number(numUpdatedRows);
  }

  /** Takes a request away from a holder that does not know of it. */
  async free({ id, holder, nowMs }: HeldRequest & { readonly nowMs: number }): Promise<void> {
    await this.#db.updateTable("stored_requests").set({ state: "waiting", holder: null, next_attempt_at: nowMs })
      .where("id", "=", id).where("holder", "=", holder).where("state", "=", "delivering").execute();
  }

  /** Gives up the requests that have waited too long. @returns How many there were. */
  async expire(nowMs: number): Promise<number> {
    const { numUpdatedRows } = await this.#db.updateTable("stored_requests")
      .set({ state: "dead", reason: "expired" })
      .where("state", "=", "waiting").where("expires_at", "<=", nowMs).where("next_attempt_at", "<=", nowMs)
      .executeTakeFirstOrThrow();
    return Number(numUpdatedRows);
  }

  /** The ids of what an origin holds. */
  async listHeld(holder: string): Promise<string[]> {
    const rows = await this.#db.selectFrom("stored_requests").select("id").where("state", "=", "delivering")
      .where("holder", "=", holder).execute();
    return rows.map(({ id }) => id);
  }

  /** Tenants of whom something is due. */
  async listDueTenants(nowMs: number): Promise<string[]> {
    const rows = await this.#db.selectFrom("stored_requests").select("tenant_id").distinct()
      .where("state", "=", "waiting").where("next_attempt_at", "<=", nowMs).where("expires_at", ">", nowMs).execute();
    return rows.map(({ tenant_id }) => tenant_id);
  }

  /** What a tenant has stored, dead letters included. */
  async usage(tenantId: string): Promise<StoredUsage> {
    const row = await this.#db.selectFrom("stored_requests")
      .select(({ fn }) => [fn.countAll().as("requests"), fn.sum("body_bytes").as("bytes")])
      .where("tenant_id", "=", tenantId).executeTakeFirstOrThrow();
    return { requests: Number(row.requests), bytes: Number(row.bytes ?? 0) };
  }

  /** What all tenants have stored. */
  async totals(): Promise<StoredTotals> {
    const rows = await this.#db.selectFrom("stored_requests")
      .select(({ fn }) => ["state", fn.countAll().as("count"), fn.min("created_at").as("oldest")])
      .groupBy("state").execute();
    const live = rows.filter(({ state }) => state !== "dead");
    const count = (some: typeof rows) => some.reduce((sum, { count }) => sum + Number(count), 0);
    const oldestAt = live.length === 0 ? undefined : Math.min(...live.map(({ oldest }) => Number(oldest)));
    return { queued: count(live), dead: count(rows) - count(live), oldestAt };
  }

  /** How many requests a tenant has stored, or all tenants when none is named. */
  async count(tenantId?: string): Promise<StoredCounts> {
    let query = this.#db.selectFrom("stored_requests").select(({ fn }) => ["state", fn.countAll().as("count")]);
    if (tenantId !== undefined) query = query.where("tenant_id", "=", tenantId);
    const counts = { queued: 0, dead: 0 };
    for (const { state, count } of await query.groupBy("state").execute()) {
      counts[state === "dead" ? "dead" : "queued"] += Number(count);
    }
    return counts;
  }

  /** The tenants that have stored requests: those with most dead letters first, then those with most that wait. */
  async countByTenant({ take }: { readonly take: number }): Promise<TenantStoredCounts[]> {
    const rows = await this.#db.selectFrom("stored_requests").innerJoin("tenants", "tenants.id", "tenant_id")
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

  /** A tenant's requests in these states in their order, without their bodies. */
  async list(
    tenantId: string,
    { states, skip, take }: {
      readonly states: readonly StoredState[];
      readonly skip: number;
      readonly take: number;
    },
  ): Promise<{ results: StoredRequest[]; totalCount: number }> {
    const found = this.#db.selectFrom("stored_requests").where("tenant_id", "=", tenantId).where("state", "in", states);
    const rows = await found.selectAll().orderBy("sequence").orderBy("id").offset(skip).limit(take).execute();
    const { count } = await found.select(({ fn }) => fn.countAll().as("count")).executeTakeFirstOrThrow();
    return { results: rows.map(toStoredRequest), totalCount: Number(count) };
  }

  /** One request of a tenant, in one of these states. */
  async find(
    tenantId: string,
    { id, states }: { readonly id: string; readonly states: readonly StoredState[] },
  ): Promise<StoredRequest | undefined> {
    const row = await this.#db.selectFrom("stored_requests").selectAll().where("id", "=", id)
      .where("tenant_id", "=", tenantId).where("state", "in", states).executeTakeFirst();
    return row && toStoredRequest(row);
  }

  /** Removes requests of a tenant in these states: one, or all. @returns What was removed. */
  async discard(
    tenantId: string,
    { id, states }: { readonly id?: string | undefined; readonly states: readonly StoredState[] },
  ): Promise<RemovedRequest[]> {
    let query = this.#db.deleteFrom("stored_requests").where("tenant_id", "=", tenantId).where("state", "in", states);
    if (id !== undefined) query = query.where("id", "=", id);
    return (await query.returning(["id", "body_key", "holder"]).execute()).map(toRemoved);
  }

  /** Sends a dead letter on its way again, as if it were new. @returns Whether there was one. */
  async revive(
    tenantId: string,
    { id, expiresAt, nowMs }: { readonly id: string; readonly expiresAt: number; readonly nowMs: number },
  ): Promise<boolean> {
    const { numUpdatedRows } = await this.#db.updateTable("stored_requests")
      .set({ state: "waiting", reason: null, attempts: 0, next_attempt_at: nowMs, expires_at: expiresAt })
      .where("id", "=", id).where("tenant_id", "=", tenantId).where("state", "=", "dead").executeTakeFirstOrThrow();
    return numUpdatedRows > 0n;
  }

  /** Which of these keys of the body store are still needed. */
  async findBodyKeys(keys: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (const chunk of chunks(keys)) {
      const rows = await this.#db.selectFrom("stored_requests").select("body_key").where("body_key", "in", chunk)
        .execute();
      for (const { body_key } of rows) found.add(body_key!);
    }
    return found;
  }

  async #insert(db: Kysely<Schema>, requests: readonly StoredRequest[]): Promise<void> {
    const rows = requests.map(toRow);
    let statement = this.#inserts.get(rows.length);
    if (statement === undefined) {
      statement = db.insertInto("stored_requests").values(rows)
        .onConflict((conflict) => conflict.column("id").doNothing()).compile();
      this.#inserts.set(rows.length, statement);
    }
    await db.executeQuery({ ...statement, parameters: rows.flatMap((row) => Object.values(row)) });
  }

  async #remove(db: Kysely<Schema>, ids: readonly string[]): Promise<void> {
    let statement = this.#removals.get(ids.length);
    if (statement === undefined) {
      statement = db.deleteFrom("stored_requests").where("id", "in", ids).compile();
      this.#removals.set(ids.length, statement);
    }
    await db.executeQuery({ ...statement, parameters: ids });
  }
}

type Row = Selectable<StoredRequestTable>;

function toRemoved(row: Pick<Row, "id" | "body_key" | "holder">): RemovedRequest {
  return { id: row.id, bodyKey: row.body_key, holder: row.holder };
}

function toRow(request: StoredRequest): Row {
  return {
    id: request.id,
    tenant_id: request.tenantId,
    kind: request.kind,
    mode: request.mode,
    state: request.state,
    sequence: request.sequence,
    method: request.method,
    target: request.target,
    path: request.path,
    headers: JSON.stringify(request.headers),
    is_traced: request.isTraced ? 1 : 0,
    body: request.body,
    body_key: request.bodyKey,
    body_bytes: request.bodyBytes,
    acknowledge_base: request.acknowledgeBase,
    created_at: request.createdAt,
    expires_at: request.expiresAt,
    attempts: request.attempts,
    next_attempt_at: request.nextAttemptAt,
    holder: request.holder,
    reason: request.reason,
    last_error: request.lastError,
  };
}

function toStoredRequest(row: Row): StoredRequest {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    kind: row.kind,
    mode: row.mode,
    state: row.state,
    sequence: row.sequence,
    method: row.method,
    target: row.target,
    path: row.path,
    headers: JSON.parse(row.headers),
    isTraced: row.is_traced === 1,
    body: row.body === null ? null : new Uint8Array(row.body),
    bodyKey: row.body_key,
    bodyBytes: row.body_bytes,
    acknowledgeBase: row.acknowledge_base,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at,
    holder: row.holder,
    reason: row.reason,
    lastError: row.last_error,
  };
}
