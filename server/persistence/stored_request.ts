/**
 * A stored request and its row.
 *
 * @module
 */

import type { Selectable } from "kysely";
import type { AcknowledgeMode, DeadLetterReason, StoredKind, StoredRequestTable, StoredState } from "./schema.ts";

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
  /** Deliveries that were begun before it was a dead letter. */
  readonly earlierDeliveries: number;
}

/** A body in the body store that nobody needs any more. */
export interface RemovedRequest {
  readonly id: string;
  readonly bodyKey: string | null;
  readonly holder: string | null;
}

type Row = Selectable<StoredRequestTable>;

/** What is told of a row that was removed. */
export function toRemovedRequest(row: Pick<Row, "id" | "body_key" | "holder">): RemovedRequest {
  return { id: row.id, bodyKey: row.body_key, holder: row.holder };
}

/** The row of a request. */
export function toRow(request: StoredRequest): Row {
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
    earlier_deliveries: request.earlierDeliveries,
  };
}

/** The request of a row. */
export function toStoredRequest(row: Row): StoredRequest {
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
    earlierDeliveries: row.earlier_deliveries,
  };
}
