/**
 * Requests that are kept until they are settled. The row is the truth: whoever changes it decides, whatever anybody remembers.
 *
 * @module
 */

import { expressionBuilder, sql, SqliteAdapter } from "kysely";
import { BulkStatement } from "./bulk_statement.ts";
import { chunks } from "./chunks.ts";
import type { Database, DeadLetterReason, Schema, StoredState } from "./schema.ts";
import { storableText } from "./storable_text.ts";
import {
  readCounts,
  readCountsByTenant,
  readTotals,
  readUsage,
  type StoredCounts,
  type StoredTotals,
  type StoredUsage,
  type TenantStoredCounts,
} from "./stored_counts.ts";
import { type RemovedRequest, type StoredRequest, toRemovedRequest, toRow, toStoredRequest } from "./stored_request.ts";

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

/** Reads and writes stored requests. */
export class StoredRequestRepository {
  readonly #db: Database;
  readonly #isSqlite: boolean;
  readonly #insert: BulkStatement<StoredRequest>;
  readonly #remove: BulkStatement<string>;

  /** @param db A migrated database. */
  constructor(db: Database) {
    this.#db = db;
    this.#isSqlite = db.getExecutor().adapter instanceof SqliteAdapter;
    this.#insert = new BulkStatement(db, {
      compile: (requests) =>
        db.insertInto("stored_requests").values(requests.map(toRow))
          .onConflict((conflict) => conflict.column("id").doNothing()).compile(),
      appendValues: (values, request) => values.push(...Object.values(toRow(request))),
    });
    this.#remove = new BulkStatement(db, {
      compile: (ids) => db.deleteFrom("stored_requests").where("id", "in", ids).compile(),
      appendValues: (values, id) => values.push(id),
    });
  }

  /** Adds requests, all or none. One that is there already is left as it is. */
  async insertMany(requests: readonly StoredRequest[]): Promise<void> {
    await this.#insert.run(requests);
  }

  /** Removes requests: they are settled. */
  async removeMany(ids: readonly string[]): Promise<void> {
    await this.#remove.run(ids);
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
      .where(isAfter("expires_at", nowMs)).orderBy("sequence").limit(limit);
    // PostgreSQL asks a subquery that skips what is locked again for every row, and gets other rows each time: all there are, whatever the limit.
    const rows = await this.#db.updateTable("stored_requests")
      .set(({ eb }) => ({ state: "delivering", holder, attempts: eb("attempts", "+", 1) }))
      .where((eb) =>
        this.#isSqlite ? eb("id", "in", due) : eb("id", "=", sql<string>`any(array(${due.forUpdate().skipLocked()}))`)
      )
      .returningAll().execute();
    return rows.map(toStoredRequest).sort((a, b) => a.sequence - b.sequence);
  }

  /** When the first waiting request of a tenant is due; `undefined` when none waits. Those that have expired are not waited for any more. */
  async nextAttemptAt(tenantId: string, { nowMs }: { readonly nowMs: number }): Promise<number | undefined> {
    const { due } = await this.#db.selectFrom("stored_requests")
      .select(({ fn }) => fn.min("next_attempt_at").as("due"))
      .where("tenant_id", "=", tenantId).where("state", "=", "waiting").where(isAfter("expires_at", nowMs))
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
      last_error: toStorable(lastError),
      ...(isKept ? {} : { state: "waiting", holder: null }),
    }).where("id", "=", id).where("holder", "=", holder).where("state", "=", "delivering").executeTakeFirstOrThrow();
    return numUpdatedRows > 0n;
  }

  /** Gives a request up. @returns Whether it was still the holder's. */
  async bury({ id, holder, attempts, reason, lastError }: Burial): Promise<boolean> {
    const { numUpdatedRows } = await this.#db.updateTable("stored_requests")
      .set({ state: "dead", holder: null, attempts, reason, last_error: toStorable(lastError) })
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
    return row && toRemovedRequest(row);
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
    return await readUsage(this.#db, tenantId);
  }

  /** What all tenants have stored. */
  async totals(): Promise<StoredTotals> {
    return await readTotals(this.#db);
  }

  /** How many requests a tenant has stored, or all tenants when none is named. */
  async count(tenantId?: string): Promise<StoredCounts> {
    return await readCounts(this.#db, tenantId);
  }

  /** The tenants that have stored requests: those with most dead letters first, then those with most that wait. */
  async countByTenant({ take }: { readonly take: number }): Promise<TenantStoredCounts[]> {
    return await readCountsByTenant(this.#db, { take });
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
    return (await query.returning(["id", "body_key", "holder"]).execute()).map(toRemovedRequest);
  }

  /** Sends a dead letter on its way again, as if it were new, but for what its target may have got of it. @returns Whether there was one. */
  async revive(
    tenantId: string,
    { id, expiresAt, nowMs }: { readonly id: string; readonly expiresAt: number; readonly nowMs: number },
  ): Promise<boolean> {
    const { numUpdatedRows } = await this.#db.updateTable("stored_requests")
      .set(({ eb, ref }) => ({
        ...{ state: "waiting", reason: null, attempts: 0, next_attempt_at: nowMs, expires_at: expiresAt },
        earlier_deliveries: eb("earlier_deliveries", "+", ref("attempts")),
      }))
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
}

/** It may be what a connector says. */
function toStorable(lastError: string | null): string | null {
  return lastError === null ? null : storableText(lastError);
}

/** Not by an index: SQLite would read those of all tenants in it, and sort them, for the few of one that it is asked for. */
function isAfter(column: "expires_at", timeMs: number) {
  const eb = expressionBuilder<Schema, "stored_requests">();
  return eb(eb(column, "+", 0), ">", timeMs);
}
