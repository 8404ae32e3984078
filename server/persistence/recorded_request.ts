/**
 * A recorded request and its row.
 *
 * @module
 */

import type { RecordedRequestTable, RequestOutcome } from "./schema.ts";
import { storableText } from "./storable_text.ts";

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

/** The columns that {@link toSummary} needs: messages are large. */
export const SUMMARY_COLUMNS = [
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

/** The row of a request, with its messages as JSON. */
export function toRow(recordingId: string, request: NewRecordedRequest, messages: string): RecordedRequestTable {
  return {
    id: request.id,
    recording_id: recordingId,
    request_id: request.requestId,
    origin_id: request.originId,
    started_at: request.startedAt,
    duration_ms: request.durationMs,
    target: storableText(request.target),
    method: storableText(request.method),
    path: storableText(request.path),
    client_address: request.clientAddress,
    status: request.status,
    outcome: request.outcome,
    error_code: request.errorCode,
    messages,
  };
}

/** The request of a row, without its messages. */
export function toSummary(row: Omit<RecordedRequestTable, "messages">): RecordedRequestSummary {
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

/** The request of a row. */
export function toRecordedRequest(row: RecordedRequestTable): RecordedRequest {
  return { ...toSummary(row), messages: JSON.parse(row.messages) };
}
