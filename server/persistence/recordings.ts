/**
 * Reads and writes recordings of tenants' traffic.
 *
 * @module
 */

import { NO_LIMIT, type Page, type PageOptions } from "./page.ts";
import {
  type NewRecordedRequest,
  type RecordedRequest,
  type RecordedRequestSummary,
  SUMMARY_COLUMNS,
  toRecordedRequest,
  toRow,
  toSummary,
} from "./recorded_request.ts";
import { type ActiveRecording, type NewRecording, type Recording, toActive, toRecording } from "./recording.ts";
import type { Database, RecordingEndReason } from "./schema.ts";

/** Which page of which recording. */
export interface FindRecordedRequestsOptions extends PageOptions {
  readonly recordingId: string;
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
    return row && toRecordedRequest(row);
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
