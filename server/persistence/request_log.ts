/**
 * Reads and writes the request log.
 *
 * Finding must stay quick in a log of millions of rows, and on SQLite it blocks the program while it runs. So only what an index gives is
 * searched without limit; every other condition is looked for among the newest rows of what the index gives.
 *
 * @module
 */

import { type CompiledQuery, type SelectQueryBuilder, sql } from "kysely";
import { chunks } from "./chunks.ts";
import type { PageOptions } from "./page.ts";
import { firstIdAt, timeOfId } from "./request_time.ts";
import type { Database, RequestOutcome, RequestTable, Schema } from "./schema.ts";
import { contains } from "./search.ts";

/** How many requests one search looks at. */
export const REQUEST_SEARCH_LIMIT = 5_000;

/** A request as it is logged. */
export interface LoggedRequest {
  /** A UUID of version 7 that begins with `startedAt`: the log is in the order of the ids. */
  readonly id: string;
  /** UUID; null when there was no tenant of that name. The tenant may be gone. */
  readonly tenantId: string | null;
  /** As it was spelled. */
  readonly tenantName: string;
  /** UUID of the origin that took the request. */
  readonly originId: string;
  /** UUID of the connection that brought the response; null when there was none. */
  readonly connectionId: string | null;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly target: string;
  readonly method: string;
  /** What follows the target, without the query. */
  readonly path: string;
  readonly clientAddress: string;
  /** What the client got, or 499 when it left before. */
  readonly status: number;
  readonly outcome: RequestOutcome;
  /** Set when the relay itself answered, or when the answer did not reach its end. */
  readonly errorCode: string | null;
  /** Why the tenant's access policy allowed or denied the request; null when none was asked. */
  readonly policyReason: string | null;
  /** Size of the request's body as it came from the client. */
  readonly requestBytes: number;
  /** Size of the request's body as it went to the target, after interceptors. */
  readonly relayedRequestBytes: number;
  /** Size of the response's body as it came from the target. */
  readonly responseBytes: number;
  /** Size of the response's body as it went to the client, after interceptors. */
  readonly relayedResponseBytes: number;
  /** From the start until a connection got it, the last one if there were several; null when none got it. */
  readonly waitedMs: number | null;
  /** On the way to the connector and back, until the head of the response; null when there was none, or the connector has not measured the target. */
  readonly tunnelMs: number | null;
  /** At the target, until the head of its response; the way is part of it when `tunnelMs` is null. Null when there was none. */
  readonly targetMs: number | null;
  /** How often connections got it; null when a release logged it that did not count. */
  readonly deliveries: number | null;
}

/** Which requests to find. All conditions must hold; texts are compared exactly unless it says otherwise. */
export interface RequestFilter {
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
  /** Building a statement for many rows costs more than running it, so those that were built are used again, by their number of rows. */
  readonly #inserts = new Map<number, CompiledQuery>();

  /** @param db A migrated database. */
  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Adds requests, all or none. A request that is there already is left as it is, so that a write can be repeated.
   *
   * @param requests Some hundred at a time are quickest.
   */
  async insertMany(requests: readonly LoggedRequest[]): Promise<void> {
    const [first, ...others] = chunks(requests);
    if (first === undefined) return;
    if (others.length === 0) return await this.#insert(this.#db, first);
    await this.#db.transaction().execute(async (transaction) => {
      for (const some of [first, ...others]) await this.#insert(transaction, some);
    });
  }

  async #insert(db: Database, requests: readonly LoggedRequest[]): Promise<void> {
    let query = this.#inserts.get(requests.length);
    if (query === undefined) {
      query = db.insertInto("requests").values(requests.map(toRow))
        .onConflict((conflict) => conflict.column("id").doNothing()).compile();
      this.#inserts.set(requests.length, query);
    }
    const parameters: unknown[] = [];
    for (const request of requests) appendValues(parameters, request);
    await db.executeQuery({ ...query, parameters });
  }

  /** The request with that id, if it was logged and not pruned. */
  async findById(id: string): Promise<LoggedRequest | undefined> {
    const row = await this.#db.selectFrom("requests").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toRequest(row);
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
    return { results: rows.map(toRequest), totalCount: count, continueBeforeMs };
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
function withIndex(query: Query, { tenantId, outcomes, fromMs, toMs }: RequestFilter): Query {
  let found = query;
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

function toRow(request: LoggedRequest): RequestTable {
  return {
    id: request.id,
    tenant_id: request.tenantId,
    tenant_name: request.tenantName,
    origin_id: request.originId,
    connection_id: request.connectionId,
    started_at: request.startedAt,
    duration_ms: request.durationMs,
    target: storable(request.target),
    method: request.method,
    path: storable(request.path),
    client_address: request.clientAddress,
    status: request.status,
    outcome: request.outcome,
    error_code: request.errorCode,
    policy_reason: request.policyReason,
    request_bytes: request.requestBytes,
    relayed_request_bytes: request.relayedRequestBytes,
    response_bytes: request.responseBytes,
    relayed_response_bytes: request.relayedResponseBytes,
    waited_ms: request.waitedMs,
    tunnel_ms: request.tunnelMs,
    target_ms: request.targetMs,
    deliveries: request.deliveries,
  };
}

/** The values of {@link toRow} in their order: a row by itself, to be taken apart again, takes eight times as long. */
function appendValues(values: unknown[], request: LoggedRequest): void {
  values.push(
    request.id,
    request.tenantId,
    request.tenantName,
    request.originId,
    request.connectionId,
    request.startedAt,
    request.durationMs,
    storable(request.target),
    request.method,
    storable(request.path),
    request.clientAddress,
    request.status,
    request.outcome,
    request.errorCode,
    request.policyReason,
    request.requestBytes,
    request.relayedRequestBytes,
    request.responseBytes,
    request.relayedResponseBytes,
    request.waitedMs,
    request.tunnelMs,
    request.targetMs,
    request.deliveries,
  );
}

/** PostgreSQL knows no NUL in texts: one made-up path must not keep the others of its batch out of the log. */
function storable(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text;
}

function toRequest(row: RequestTable): LoggedRequest {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    tenantName: row.tenant_name,
    originId: row.origin_id,
    connectionId: row.connection_id,
    startedAt: row.started_at,
    durationMs: row.duration_ms,
    target: row.target,
    method: row.method,
    path: row.path,
    clientAddress: row.client_address,
    status: row.status,
    outcome: row.outcome,
    errorCode: row.error_code,
    policyReason: row.policy_reason,
    requestBytes: row.request_bytes,
    relayedRequestBytes: row.relayed_request_bytes,
    responseBytes: row.response_bytes,
    relayedResponseBytes: row.relayed_response_bytes,
    waitedMs: row.waited_ms,
    tunnelMs: row.tunnel_ms,
    targetMs: row.target_ms,
    deliveries: row.deliveries,
  };
}
