/**
 * A recording and its row.
 *
 * @module
 */

import type { RecordingEndReason, RecordingTable } from "./schema.ts";

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

/** Whether requests are still added to a recording. */
export function isRecordingRunning({ endedAt, endsAt }: Recording, nowMs: number): boolean {
  return endedAt === null && nowMs < endsAt;
}

/** What recording needs of a row. */
export function toActive(row: Pick<RecordingTable, "id" | "tenant_id" | "filter" | "ends_at">): ActiveRecording {
  return { id: row.id, tenantId: row.tenant_id, filter: JSON.parse(row.filter), endsAt: row.ends_at };
}

/** The recording of a row. */
export function toRecording(row: RecordingTable): Recording {
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
