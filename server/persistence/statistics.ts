/**
 * Reads and writes the statistics: what was relayed in every minute, by tenant and target.
 *
 * @module
 */

import { type ExpressionBuilder, sql } from "kysely";
import { chunks } from "./chunks.ts";
import type { Database, Schema, StatisticsTable } from "./schema.ts";
import { storableText } from "./storable_text.ts";

/** The length of the intervals that are kept, in milliseconds; those of long ago are summed up by the hour. */
export const STATISTICS_INTERVAL_MS = 60_000;
const HOUR_MS = 3_600_000;

/** What was relayed in a time. */
export interface RelayedTotals {
  readonly requests: number;
  /** Requests that failed or errored. */
  readonly errors: number;
  readonly expired: number;
  readonly aborted: number;
  /** Bytes of request bodies as they came from clients. */
  readonly requestBytes: number;
  /** Bytes of response bodies as they went to clients. */
  readonly responseBytes: number;
  readonly durationMsSum: number;
  readonly durationMsMax: number;
}

/** What was relayed to a target of a tenant in an interval. */
export interface StatisticsEntry extends RelayedTotals {
  /** UUID. The tenant may be gone. */
  readonly tenantId: string;
  readonly target: string;
  /** Start of a minute, in milliseconds since 1970. */
  readonly intervalStart: number;
}

/** What was relayed in an interval. */
export interface StatisticsInterval extends RelayedTotals {
  /** Milliseconds since 1970, a multiple of the resolution. */
  readonly intervalStart: number;
}

/** Which statistics to find. */
export interface FindStatisticsOptions {
  /** All tenants unless given. */
  readonly tenantId?: string;
  /** All targets unless given; names are kept in lower case, and found without regard to case. */
  readonly target?: string;
  /** From the interval that starts here or later, in milliseconds since 1970. */
  readonly fromMs: number;
  /** To the interval that starts before, in milliseconds since 1970. */
  readonly toMs: number;
  /** Length of the intervals in the result, in milliseconds: a multiple of {@link STATISTICS_INTERVAL_MS}. */
  readonly resolutionMs: number;
}

/** What targets can be ordered by, the most first. */
export const TARGET_ORDERS = ["requests", "errors", "averageDuration"] as const;

/** One of {@link TARGET_ORDERS}. */
export type TargetOrder = typeof TARGET_ORDERS[number];

/** What was relayed to a target of a tenant. */
export interface TargetTotals extends RelayedTotals {
  /** UUID. */
  readonly tenantId: string;
  /** Null when the tenant is gone. */
  readonly tenantName: string | null;
  readonly target: string;
}

/** Which targets to find. */
export interface FindTargetsOptions {
  /** All tenants unless given. */
  readonly tenantId?: string | undefined;
  /** In milliseconds since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly order: TargetOrder;
  readonly take: number;
}

/** Reads and writes statistics. */
export class StatisticsRepository {
  readonly #db: Database;

  /** @param db A migrated database. */
  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Adds to what is there, all or nothing. Several entries may be of the same interval. A repeat counts twice.
   *
   * @throws {RangeError} When an interval does not start at a minute.
   */
  async add(entries: readonly StatisticsEntry[]): Promise<void> {
    if (entries.some(({ intervalStart }) => intervalStart % STATISTICS_INTERVAL_MS !== 0)) {
      throw new RangeError("Cannot add statistics: the interval does not start at a minute");
    }
    if (entries.length === 0) return;
    await this.#db.transaction().execute((transaction) => addRows(transaction, entries.map(toRow)));
  }

  /**
   * Sums up intervals, oldest first. Intervals without requests are left out.
   *
   * @throws {RangeError} When the resolution is not a multiple of {@link STATISTICS_INTERVAL_MS}.
   */
  async find({ tenantId, target, fromMs, toMs, resolutionMs }: FindStatisticsOptions): Promise<StatisticsInterval[]> {
    if (!(resolutionMs > 0) || resolutionMs % STATISTICS_INTERVAL_MS !== 0) {
      throw new RangeError("Cannot find statistics: the resolution is not a number of whole minutes");
    }
    const start = sql<number>`interval_start - interval_start % ${sql.lit(resolutionMs)}`;
    let found = this.#db.selectFrom("statistics").where("interval_start", ">=", fromMs)
      .where("interval_start", "<", toMs);
    if (tenantId !== undefined) found = found.where("tenant_id", "=", tenantId);
    if (target !== undefined) found = found.where("target", "=", target.toLowerCase());
    const rows = await found
      .select([
        start.as("intervalStart"),
        total("requests").as("requests"),
        total("errors").as("errors"),
        total("expired").as("expired"),
        total("aborted").as("aborted"),
        total("request_bytes").as("requestBytes"),
        total("response_bytes").as("responseBytes"),
        sql<number>`sum(duration_ms_sum)`.as("durationMsSum"),
        sql<number>`max(duration_ms_max)`.as("durationMsMax"),
      ])
      .groupBy(start).orderBy(start).execute();
    return rows.map((row) => ({ ...row }));
  }

  /** The targets with the most of something. Those that have none of it are left out. */
  async findTargets({ tenantId, fromMs, toMs, order, take }: FindTargetsOptions): Promise<TargetTotals[]> {
    const amount = TARGET_AMOUNTS[order];
    let found = this.#db.selectFrom("statistics").where("interval_start", ">=", fromMs)
      .where("interval_start", "<", toMs);
    if (tenantId !== undefined) found = found.where("tenant_id", "=", tenantId);
    const most = found
      .select(["tenant_id as tenantId", "target", amount.as("amount")])
      .select([
        total("requests").as("requests"),
        total("errors").as("errors"),
        total("expired").as("expired"),
        total("aborted").as("aborted"),
        total("request_bytes").as("requestBytes"),
        total("response_bytes").as("responseBytes"),
        sql<number>`sum(duration_ms_sum)`.as("durationMsSum"),
        sql<number>`max(duration_ms_max)`.as("durationMsMax"),
      ])
      .groupBy(["tenant_id", "target"])
      .having(amount, ">", 0).orderBy(amount, "desc").orderBy("target").limit(take);
    // Names only of those that are left: joined before, they were looked up for every row.
    const rows = await this.#db.selectFrom(most.as("most")).leftJoin("tenants", "tenants.id", "most.tenantId")
      .selectAll("most").select("tenants.name as tenantName")
      .orderBy("most.amount", "desc").orderBy("most.target").execute();
    return rows.map(({ amount: _, ...row }) => row);
  }

  /**
   * Sums minutes that started before a moment up by the hour, oldest first: a month is read as hours, not as its 43,200 minutes.
   *
   * @param beforeMs Milliseconds since 1970.
   * @param limit How many rows at most.
   * @returns How many were summed up; as long as it is the limit, there may be more.
   */
  async sumUp(beforeMs: number, limit: number): Promise<number> {
    return await this.#db.transaction().execute(async (transaction) => {
      const minutes = await transaction.deleteFrom("statistics")
        .where(({ eb, refTuple, selectFrom }) =>
          eb(
            refTuple("tenant_id", "target", "interval_start"),
            "in",
            selectFrom("statistics").select(["tenant_id", "target", "interval_start"])
              .where(sql<boolean>`interval_start % ${sql.lit(HOUR_MS)} <> 0`)
              .where("interval_start", "<", beforeMs).orderBy("interval_start").limit(limit)
              .$asTuple("tenant_id", "target", "interval_start"),
          )
        )
        .returningAll().execute();
      const startOfHour = (time: number) => time - time % HOUR_MS;
      await addRows(transaction, minutes.map((row) => ({ ...row, interval_start: startOfHour(row.interval_start) })));
      return minutes.length;
    });
  }

  /**
   * Removes intervals that started before a moment, oldest first.
   *
   * @param beforeMs Milliseconds since 1970.
   * @param limit How many rows at most: removing many at once would keep other writers waiting.
   * @returns How many were removed; as long as it is the limit, there may be more.
   */
  async prune(beforeMs: number, limit: number): Promise<number> {
    const { numDeletedRows } = await this.#db.deleteFrom("statistics")
      .where(({ eb, refTuple, selectFrom }) =>
        eb(
          refTuple("tenant_id", "target", "interval_start"),
          "in",
          selectFrom("statistics").select(["tenant_id", "target", "interval_start"])
            .where("interval_start", "<", beforeMs).orderBy("interval_start").limit(limit)
            .$asTuple("tenant_id", "target", "interval_start"),
        )
      )
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }
}

/** The average is one of numbers with a fraction on both databases: `duration_ms_sum` is such a column. */
const TARGET_AMOUNTS = {
  requests: sql<number>`sum(statistics.requests)`,
  errors: sql<number>`sum(statistics.errors + statistics.expired)`,
  averageDuration: sql<number>`sum(duration_ms_sum) / sum(statistics.requests)`,
};

type SummedColumn = Exclude<keyof StatisticsTable, "tenant_id" | "target" | "interval_start" | "duration_ms_max">;
type UpsertBuilder = ExpressionBuilder<Schema & { excluded: StatisticsTable }, "statistics" | "excluded">;

function sum(builder: UpsertBuilder, column: SummedColumn) {
  return builder(`statistics.${column}`, "+", builder.ref(`excluded.${column}`));
}

/** PostgreSQL's sum of whole numbers is a decimal, which would arrive as text. */
function total(column: SummedColumn) {
  return sql<number>`cast(sum(${sql.ref(column)}) as bigint)`;
}

/** Adds to what is there. */
async function addRows(db: Database, rows: readonly StatisticsTable[]): Promise<void> {
  for (const some of chunks(mergedRows(rows))) {
    await db.insertInto("statistics").values(some)
      .onConflict((conflict) =>
        conflict.columns(["tenant_id", "target", "interval_start"]).doUpdateSet((builder) => ({
          requests: sum(builder, "requests"),
          errors: sum(builder, "errors"),
          expired: sum(builder, "expired"),
          aborted: sum(builder, "aborted"),
          request_bytes: sum(builder, "request_bytes"),
          response_bytes: sum(builder, "response_bytes"),
          duration_ms_sum: sum(builder, "duration_ms_sum"),
          duration_ms_max: builder.case()
            .when("excluded.duration_ms_max", ">", builder.ref("statistics.duration_ms_max"))
            .then(builder.ref("excluded.duration_ms_max"))
            .else(builder.ref("statistics.duration_ms_max")).end(),
        }))
      )
      .execute();
  }
}

/** One row per key, since a statement cannot update a row twice; in one order, so that two servers never wait for each other. */
function mergedRows(rows: readonly StatisticsTable[]): StatisticsTable[] {
  const byKey = new Map<string, StatisticsTable>();
  for (const row of rows) {
    const key = JSON.stringify([row.tenant_id, row.target, row.interval_start]);
    const other = byKey.get(key);
    byKey.set(key, other === undefined ? row : merge(other, row));
  }
  return [...byKey].sort(([one], [other]) => one < other ? -1 : 1).map(([, row]) => row);
}

function merge(one: StatisticsTable, other: StatisticsTable): StatisticsTable {
  return {
    ...one,
    requests: one.requests + other.requests,
    errors: one.errors + other.errors,
    expired: one.expired + other.expired,
    aborted: one.aborted + other.aborted,
    request_bytes: one.request_bytes + other.request_bytes,
    response_bytes: one.response_bytes + other.response_bytes,
    duration_ms_sum: one.duration_ms_sum + other.duration_ms_sum,
    duration_ms_max: Math.max(one.duration_ms_max, other.duration_ms_max),
  };
}

function toRow(entry: StatisticsEntry): StatisticsTable {
  return {
    tenant_id: entry.tenantId,
    target: storableText(entry.target),
    interval_start: entry.intervalStart,
    requests: entry.requests,
    errors: entry.errors,
    expired: entry.expired,
    aborted: entry.aborted,
    request_bytes: entry.requestBytes,
    response_bytes: entry.responseBytes,
    duration_ms_sum: entry.durationMsSum,
    duration_ms_max: entry.durationMsMax,
  };
}
