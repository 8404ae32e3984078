/**
 * Reads and writes recordings of tenants' traffic.
 *
 * @module
 */

import { NO_LIMIT, type Page, type PageOptions } from "./page.ts";
import type { Database, RecordedRequestTable, RecordingEndReason, RecordingTable, RequestOutcome } from "./schema.ts";

/** Which requests are recorded, and what of them. */
export interface RecordingFilter {
  /** Only requests to this target, in any case; null for all. */
  readonly target: string | null;
  /** Only requests whose path, query included, begins so; null for all. */
  readonly pathPrefix: string | null;
  readonly minimumStatus: number | null;
  readonly maximumStatus: number | null;
  /** Names of headers, in lower case, that are masked besides those that always are. */
  readonly maskHeaders: readonly string[];
  /** Without them only heads are recorded. */
  readonly recordsBodies: boolean;
}

/** A recording as it is begun. */
export interface NewRecording {
  readonly tenantId: string;
  readonly filter: RecordingFilter;
  /** Who began it, for people. */
  readonly startedBy: string;
  /** How long it runs at most, in milliseconds. */
  readonly durationMs: number;
  readonly maxRequests: number;
  /** What its messages may take in the database together, in bytes; the last one may exceed it. */
  readonly maxBytes: number;
}

/** A recording that runs, as far as recording needs it. */
export interface ActiveRecording {
  readonly id: string;
  readonly tenantId: string;
  readonly filter: RecordingFilter;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
}

/** A recording. */
export interface Recording extends ActiveRecording {
  readonly startedBy: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Set when it ended before its time, in milliseconds since 1970. */
  readonly endedAt: number | null;
  readonly endReason: RecordingEndReason | null;
  readonly maxRequests: number;
  readonly maxBytes: number;
  readonly requestCount: number;
  readonly sizeBytes: number;
  /** Requests that should be in it, but could not be kept. */
  readonly droppedCount: number;
}

/** What is kept of a body. */
export interface RecordedBody {
  /** The beginning, or all of it, in base64. */
  readonly base64: string;
  /** Bytes that passed. */
  readonly sizeBytes: number;
  /** Whether only the beginning was kept. */
  readonly isCut: boolean;
  /** Whether it arrived whole, kept or not. */
  readonly isComplete: boolean;
}

/** A request. */
export interface RecordedHead {
  readonly method: string;
  /** Of the client's request the raw request target; of the target's what follows the target. A byte string. */
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Null when there was none, or when bodies are not recorded. */
  readonly body: RecordedBody | null;
}

/** A response. */
export interface RecordedResponseHead {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: RecordedBody | null;
}

/** What client and target sent. The target's are null when it was not reached. */
export interface RecordedMessages {
  readonly clientRequest: RecordedHead;
  readonly targetRequest: RecordedHead | null;
  readonly targetResponse: RecordedResponseHead | null;
  /** Null when the client left before there was one. */
  readonly clientResponse: RecordedResponseHead | null;
  /** Names of headers whose values were masked, in lower case. */
  readonly maskedHeaders: readonly string[];
}

/** A recorded request without its messages. */
export interface RecordedRequestSummary {
  /** UUID of the record: the same request may be in several recordings. */
  readonly id: string;
  readonly recordingId: string;
  readonly requestId: string;
  readonly originId: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly target: string;
  readonly method: string;
  /** What follows the target, query included, a byte string. */
  readonly path: string;
  readonly clientAddress: string;
  readonly status: number;
  readonly outcome: RequestOutcome;
  readonly errorCode: string | null;
}

/** A recorded request. */
export interface RecordedRequest extends RecordedRequestSummary {
  readonly messages: RecordedMessages;
}

/** A request to be added to a recording; its id is made up by who adds it, so that it can be tried again. */
export type NewRecordedRequest = Omit<RecordedRequest, "recordingId">;

/** Which page of which recording. */
export interface FindRecordedRequestsOptions extends PageOptions {
  readonly recordingId: string;
}

const SUMMARY_COLUMNS = [
  "id",
  "recording_id",
  "request_id",
  "origin_id",
  "started_at",
  "duration_ms",
  "target",
  "method",
  "path",
  "client_address",
  "status",
  "outcome",
  "error_code",
] as const satisfies readonly (keyof RecordedRequestTable)[];

/** Whether requests are still added to a recording. */
export function isRecordingRunning({ endedAt, endsAt }: Recording, nowMs: number): boolean {
  return endedAt === null && nowMs < endsAt;
}

/** Where a request was recorded. */
export interface RecordedPlace {
  readonly recordingId: string;
  /** Of the recorded request. */
  readonly id: string;
}

/** Keeps recordings and their requests. */
export class RecordingRepository {
  readonly #db: Database;
  readonly #now: () => number;

  /**
   * @param db A migrated database.
   * @param now The time in milliseconds since 1970.
   */
  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** Begins a recording. */
  async insert({ tenantId, filter, startedBy, durationMs, maxRequests, maxBytes }: NewRecording): Promise<Recording> {
    const startedAt = this.#now();
    const row = await this.#db.insertInto("recordings").values({
      id: crypto.randomUUID(),
      tenant_id: tenantId,
      filter: JSON.stringify(filter),
      started_by: startedBy,
      started_at: startedAt,
      ends_at: startedAt + durationMs,
      ended_at: null,
      end_reason: null,
      max_requests: maxRequests,
      max_bytes: maxBytes,
      request_count: 0,
      size_bytes: 0,
      dropped_count: 0,
    }).returningAll().executeTakeFirstOrThrow();
    return toRecording(row);
  }

  /** Ends a recording before its time; `undefined` when it does not run. */
  async end(id: string, reason: RecordingEndReason): Promise<Recording | undefined> {
    const now = this.#now();
    const row = await this.#db.updateTable("recordings").set({ ended_at: now, end_reason: reason })
      .where("id", "=", id).where("ended_at", "is", null).where("ends_at", ">", now)
      .returningAll().executeTakeFirst();
    return row && toRecording(row);
  }

  /** The recordings of a tenant, newest first. */
  async list(tenantId: string, { skip = 0, take = NO_LIMIT }: PageOptions = {}): Promise<Page<Recording>> {
    const found = this.#db.selectFrom("recordings").where("tenant_id", "=", tenantId);
    const rows = await found.selectAll().orderBy("started_at", "desc").orderBy("id", "desc").offset(skip).limit(take)
      .execute();
    const { count } = await found.select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    return { results: rows.map(toRecording), totalCount: count };
  }

  /** How many recordings of a tenant run. */
  async countRunning(tenantId: string): Promise<number> {
    const { count } = await this.#db.selectFrom("recordings").where("tenant_id", "=", tenantId)
      .where("ended_at", "is", null).where("ends_at", ">", this.#now())
      .select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    return count;
  }

  /** A recording of a tenant, whoever else has one of that id. */
  async find(tenantId: string, id: string): Promise<Recording | undefined> {
    const row = await this.#db.selectFrom("recordings").selectAll().where("id", "=", id)
      .where("tenant_id", "=", tenantId).executeTakeFirst();
    return row && toRecording(row);
  }

  /** All recordings that run. */
  async listActive(): Promise<ActiveRecording[]> {
    const rows = await this.#db.selectFrom("recordings").select(["id", "tenant_id", "filter", "ends_at"])
      .where("ended_at", "is", null).where("ends_at", ">", this.#now()).execute();
    return rows.map(toActive);
  }

  /**
   * Adds a request to a recording, which ends when it is full with it. It does no harm to add one twice.
   *
   * @returns False when the recording had ended before, and nothing was added.
   */
  async addRequest(recordingId: string, request: NewRecordedRequest): Promise<boolean> {
    const messages = JSON.stringify(request.messages);
    return await this.#db.transaction().execute(async (db) => {
      // The recording first: its row is what all origins that add to it wait for.
      const recording = await db.updateTable("recordings").set({ ended_at: null })
        .where("id", "=", recordingId).where("ended_at", "is", null)
        .returning(["request_count", "size_bytes", "max_requests", "max_bytes"]).executeTakeFirst();
      if (recording === undefined) return false;
      const { numInsertedOrUpdatedRows } = await db.insertInto("recorded_requests")
        .values(toRow(recordingId, request, messages)).onConflict((conflict) => conflict.column("id").doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 0n) return true;
      const request_count = recording.request_count + 1;
      const size_bytes = recording.size_bytes + messages.length;
      const isFull = request_count >= recording.max_requests || size_bytes >= recording.max_bytes;
      await db.updateTable("recordings")
        .set({ request_count, size_bytes, ...(isFull ? { ended_at: this.#now(), end_reason: "full" } : {}) })
        .where("id", "=", recordingId).execute();
      return true;
    });
  }

  /** Notes requests that could not be kept. */
  async addDropped(recordingId: string, count: number): Promise<void> {
    await this.#db.updateTable("recordings")
      .set(({ eb, ref }) => ({ dropped_count: eb(ref("dropped_count"), "+", count) }))
      .where("id", "=", recordingId).execute();
  }

  /** Requests of a recording without their messages, oldest first. */
  async listRequests(
    { recordingId, skip = 0, take = NO_LIMIT }: FindRecordedRequestsOptions,
  ): Promise<Page<RecordedRequestSummary>> {
    const found = this.#db.selectFrom("recorded_requests").where("recording_id", "=", recordingId);
    const rows = await found.select(SUMMARY_COLUMNS).orderBy("started_at").orderBy("id").offset(skip).limit(take)
      .execute();
    const { count } = await found.select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    return { results: rows.map(toSummary), totalCount: count };
  }

  /** Where a request of a tenant was recorded. Its beginning must be given: with it an index knows where to look. */
  async findByRequest(
    tenantId: string,
    { requestId, startedAt }: { readonly requestId: string; readonly startedAt: number },
  ): Promise<RecordedPlace[]> {
    const rows = await this.#db.selectFrom("recordings")
      .innerJoin("recorded_requests", "recorded_requests.recording_id", "recordings.id")
      .select(["recorded_requests.id", "recording_id"])
      .where("tenant_id", "=", tenantId).where("recorded_requests.started_at", "=", startedAt)
      .where("request_id", "=", requestId).execute();
    return rows.map(({ id, recording_id }) => ({ id, recordingId: recording_id }));
  }

  /** A request of a recording. */
  async findRequest(recordingId: string, id: string): Promise<RecordedRequest | undefined> {
    const row = await this.#db.selectFrom("recorded_requests").selectAll().where("id", "=", id)
      .where("recording_id", "=", recordingId).executeTakeFirst();
    return row && { ...toSummary(row), messages: JSON.parse(row.messages) };
  }

  /** Removes a recording with all that is in it; false when there was none. Many requests go a few at a time. */
  async remove(id: string): Promise<boolean> {
    await this.end(id, "stopped");
    while (await this.#removeRequests([id], 50) > 0);
    const { numDeletedRows } = await this.#db.deleteFrom("recordings").where("id", "=", id).executeTakeFirstOrThrow();
    return numDeletedRows > 0n;
  }

  /**
   * Removes recordings whose time ended before a moment, a few requests at a time.
   *
   * @param beforeMs Milliseconds since 1970.
   * @param limit How many rows at most.
   * @returns How many rows were removed; as long as it is the limit, there may be more.
   */
  async prune(beforeMs: number, limit: number): Promise<number> {
    const old = await this.#db.selectFrom("recordings").select("id").where("ends_at", "<", beforeMs).orderBy("ends_at")
      .limit(limit).execute();
    const ids = old.map(({ id }) => id);
    if (ids.length === 0) return 0;
    const removed = await this.#removeRequests(ids, limit);
    if (removed >= limit) return removed;
    await this.#db.deleteFrom("recordings").where("id", "in", ids).execute();
    // There may be more of them, or not.
    return ids.length === limit ? limit : removed + ids.length;
  }

  async #removeRequests(recordingIds: readonly string[], limit: number): Promise<number> {
    const { numDeletedRows } = await this.#db.deleteFrom("recorded_requests")
      .where(
        "id",
        "in",
        ({ selectFrom }) =>
          selectFrom("recorded_requests").select("id").where("recording_id", "in", recordingIds).limit(limit),
      )
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }
}

function toRow(recordingId: string, request: NewRecordedRequest, messages: string): RecordedRequestTable {
  return {
    id: request.id,
    recording_id: recordingId,
    request_id: request.requestId,
    origin_id: request.originId,
    started_at: request.startedAt,
    duration_ms: request.durationMs,
    target: storable(request.target),
    method: storable(request.method),
    path: storable(request.path),
    client_address: request.clientAddress,
    status: request.status,
    outcome: request.outcome,
    error_code: request.errorCode,
    messages,
  };
}

/** PostgreSQL knows no NUL in texts. */
function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}

function toActive(row: Pick<RecordingTable, "id" | "tenant_id" | "filter" | "ends_at">): ActiveRecording {
  return { id: row.id, tenantId: row.tenant_id, filter: JSON.parse(row.filter), endsAt: row.ends_at };
}

function toRecording(row: RecordingTable): Recording {
  return {
    ...toActive(row),
    startedBy: row.started_by,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    endReason: row.end_reason,
    maxRequests: row.max_requests,
    maxBytes: row.max_bytes,
    requestCount: row.request_count,
    sizeBytes: row.size_bytes,
    droppedCount: row.dropped_count,
  };
}

function toSummary(row: Omit<RecordedRequestTable, "messages">): RecordedRequestSummary {
  return {
    id: row.id,
    recordingId: row.recording_id,
    requestId: row.request_id,
    originId: row.origin_id,
    startedAt: row.started_at,
    durationMs: row.duration_ms,
    target: row.target,
    method: row.method,
    path: row.path,
    clientAddress: row.client_address,
    status: row.status,
    outcome: row.outcome,
    errorCode: row.error_code,
  };
}
