/**
 * A logged request and its row.
 *
 * @module
 */

import type { RequestOutcome, RequestTable } from "./schema.ts";
import { storableText } from "./storable_text.ts";

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

/** The row of a request. */
export function toRow(request: LoggedRequest): RequestTable {
  return {
    id: request.id,
    tenant_id: request.tenantId,
    tenant_name: request.tenantName,
    origin_id: request.originId,
    connection_id: request.connectionId,
    started_at: request.startedAt,
    duration_ms: request.durationMs,
    target: storableText(request.target),
    method: request.method,
    path: storableText(request.path),
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
export function appendValues(values: unknown[], request: LoggedRequest): void {
  values.push(
    request.id,
    request.tenantId,
    request.tenantName,
    request.originId,
    request.connectionId,
    request.startedAt,
    request.durationMs,
    storableText(request.target),
    request.method,
    storableText(request.path),
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

/** The request of a row. */
export function toLoggedRequest(row: RequestTable): LoggedRequest {
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
