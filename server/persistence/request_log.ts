/**
 * Reads and writes the request log.
 *
 * Finding must stay quick in a log of millions of rows, and on SQLite it blocks the program while it runs. So only what an index gives is
 * searched without limit; every other condition is looked for among the newest rows of what the index gives.
 *
 * @module
 */

import { type SelectQueryBuilder, sql } from "kysely";
import { BulkStatement } from "./bulk_statement.ts";
import { appendValues, type LoggedRequest, toLoggedRequest, toRow } from "./logged_request.ts";
import type { PageOptions } from "./page.ts";
import { firstIdAt, timeOfId } from "./request_time.ts";
import type { Database, RequestOutcome, Schema } from "./schema.ts";
import { contains } from "./search.ts";

/** How many requests one search looks at. */
export const REQUEST_SEARCH_LIMIT = 5_000;

/** Which requests to find. All conditions must hold; texts are compared exactly unless it says otherwise. */
export interface RequestFilter {
  readonly id?: string;
  readonly tenantId?: string;
  /** Any of these. */
  readonly outcomes?: readonly RequestOutcome[];
  /** Started at or after, in milliseconds since 1970. */
  readonly fromMs?: number;
  /** Started before, in milliseconds since 1970. */
  readonly toMs?: number;
  readonly originId?: string;
  readonly connectionId?: string;
  readonly target?: string;
  readonly method?: string;
  readonly clientAddress?: string;
  readonly errorCode?: string;
  readonly minimumStatus?: number;
  readonly maximumStatus?: number;
  /** Contained in the path, without regard to the case of ASCII letters. */
  readonly path?: string;
}

/** Which page of which requests. */
export interface FindRequestsOptions extends PageOptions {
  readonly filter?: RequestFilter;
}

/** One page of requests, newest first. */
export interface RequestPage {
  readonly results: LoggedRequest[];
  /** How many were found on all pages, among the requests that were looked at. */
  readonly totalCount: number;
  /** Set when there are older requests that were not looked at: the `toMs` with which to go on. */
  readonly continueBeforeMs: number | undefined;
}

type Query = SelectQueryBuilder<Schema, "requests", unknown>;

/** Reads and writes the request log. */
export class RequestLogRepository {
  readonly #db: Database;
  readonly #insert: BulkStatement<LoggedRequest>;

  /** @param db A migrated database. */
  constructor(db: Database) {
    this.#db = db;
    this.#insert = new BulkStatement(db, {
      compile: (requests) =>
        db.insertInto("requests").values(requests.map(toRow))
          .onConflict((conflict) => conflict.column("id").doNothing()).compile(),
      appendValues,
    });
  }

  /**
   * Adds requests, all or none. A request that is there already is left as it is, so that a write can be repeated.
   *
   * @param requests Some hundred at a time are quickest.
   */
  async insertMany(requests: readonly LoggedRequest[]): Promise<void> {
    await this.#insert.run(requests);
  }

  /** The request with that id, if it was logged and not pruned. */
  async findById(id: string): Promise<LoggedRequest | undefined> {
    const row = await this.#db.selectFrom("requests").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toLoggedRequest(row);
  }

  /** Finds requests, newest first, among the newest {@link REQUEST_SEARCH_LIMIT} of the tenant, time and outcomes asked for. */
  async find({ filter = {}, skip = 0, take = REQUEST_SEARCH_LIMIT }: FindRequestsOptions = {}): Promise<RequestPage> {
    const indexed = withIndex(this.#db.selectFrom("requests"), filter);
    const unseen = await indexed.select("id").orderBy("id", "desc").offset(REQUEST_SEARCH_LIMIT).limit(1)
      .executeTakeFirst();
    const continueBeforeMs = unseen && timeOfId(unseen.id) + 1;
    const found = withoutIndex(
      continueBeforeMs === undefined ? indexed : indexed.where("id", ">=", firstIdAt(continueBeforeMs)),
      filter,
    );
    const rows = await found.selectAll().orderBy("id", "desc").offset(skip).limit(take).execute();
    const { count } = await found.select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    return { results: rows.map(toLoggedRequest), totalCount: count, continueBeforeMs };
  }

  /**
   * Removes requests that started before a moment, oldest first.
   *
   * @param beforeMs Milliseconds since 1970.
   * @param limit How many at most: removing many at once would keep other writers waiting.
   * @returns How many were removed; as long as it is the limit, there may be more.
   */
  async prune(beforeMs: number, limit: number): Promise<number> {
    const { numDeletedRows } = await this.#db.deleteFrom("requests")
      .where(
        "id",
        "in",
        ({ selectFrom }) =>
          selectFrom("requests").select("id").where("id", "<", firstIdAt(beforeMs)).orderBy("id").limit(limit),
      )
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }
}

/** The conditions that the indexes of the table answer. */
function withIndex(query: Query, { id, tenantId, outcomes, fromMs, toMs }: RequestFilter): Query {
  let found = query;
  if (id !== undefined) found = found.where("id", "=", id);
  if (tenantId !== undefined) found = found.where("tenant_id", "=", tenantId);
  if (fromMs !== undefined) found = found.where("id", ">=", firstIdAt(fromMs));
  if (toMs !== undefined) found = found.where("id", "<", firstIdAt(toMs));
  // A literal: with a parameter the database could not know that its partial index applies.
  if (outcomes !== undefined && !outcomes.includes("succeeded")) {
    found = found.where(sql<boolean>`outcome <> 'succeeded'`);
  }
  return found;
}

function withoutIndex(query: Query, filter: RequestFilter): Query {
  const { outcomes, minimumStatus, maximumStatus, path } = filter;
  let found = query;
  if (outcomes !== undefined) found = found.where(({ eb, or }) => or(outcomes.map((each) => eb("outcome", "=", each))));
  if (filter.originId !== undefined) found = found.where("origin_id", "=", filter.originId);
  if (filter.connectionId !== undefined) found = found.where("connection_id", "=", filter.connectionId);
  if (filter.target !== undefined) found = found.where("target", "=", filter.target);
  if (filter.method !== undefined) found = found.where("method", "=", filter.method);
  if (filter.clientAddress !== undefined) found = found.where("client_address", "=", filter.clientAddress);
  if (filter.errorCode !== undefined) found = found.where("error_code", "=", filter.errorCode);
  if (minimumStatus !== undefined) found = found.where("status", ">=", minimumStatus);
  if (maximumStatus !== undefined) found = found.where("status", "<=", maximumStatus);
  if (path !== undefined) found = found.where(({ ref }) => contains(sql`lower(${ref("path")})`, path));
  return found;
}
