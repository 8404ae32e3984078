/**
 * The only place where an error becomes an HTTP answer.
 *
 * @module
 */

import { RelayError, type RelayErrorCode } from "../../shared/errors/relay_error.ts";
import type { HeaderLine, RelayResponse } from "../../shared/http/message.ts";

/** Status and title of each code. `client_gone` has nobody left to read it; 499 is what logs show for it. */
const ANSWERS: Record<RelayErrorCode, readonly [status: number, title: string]> = {
  invalid_request: [400, "Invalid request"],
  authentication_required: [401, "Authentication required"],
  access_denied: [403, "Access denied"],
  tenant_disabled: [403, "Tenant disabled"],
  tenant_unknown: [404, "Tenant unknown"],
  target_unknown: [404, "Target unknown"],
  not_found: [404, "Not found"],
  request_timeout: [408, "Request timeout"],
  body_taken: [409, "Body taken"],
  delivery_over: [410, "Delivery over"],
  body_too_large: [413, "Body too large"],
  headers_too_large: [431, "Headers too large"],
  rate_limited: [429, "Rate limited"],
  client_gone: [499, "Client gone"],
  internal_error: [500, "Internal error"],
  target_unreachable: [502, "Target unreachable"],
  target_invalid_response: [502, "Invalid response of the target"],
  connector_lost: [502, "Connector lost"],
  connector_unavailable: [503, "Connector unavailable"],
  transport_unavailable: [503, "Transport unavailable"],
  body_store_unavailable: [503, "Body store unavailable"],
  authentication_unavailable: [503, "Authentication unavailable"],
  queue_full: [503, "Queue full"],
  overloaded: [503, "Overloaded"],
  draining: [503, "Draining"],
  target_timeout: [504, "Target timeout"],
  request_expired: [504, "Request expired"],
};

/** Codes whose answers say when to try again, in seconds, unless the error knows better. */
const RETRY_AFTER_SECONDS: Partial<Record<RelayErrorCode, number>> = {
  rate_limited: 1,
  connector_unavailable: 5,
  transport_unavailable: 5,
  body_store_unavailable: 5,
  authentication_unavailable: 5,
  queue_full: 5,
  overloaded: 1,
  draining: 1,
};

const encoder = new TextEncoder();

/** Makes a relay error of anything that was thrown. What is not one was not foreseen. */
export function toRelayError(error: unknown): RelayError {
  return error instanceof RelayError
    ? error
    : new RelayError("internal_error", "The server failed to answer", { cause: error });
}

/** The status a code is answered with. */
export function statusOf(code: RelayErrorCode): number {
  return ANSWERS[code][0];
}

/**
 * Answers with a problem document (RFC 9457).
 *
 * @param requestId UUID of the request; a new one for what never became a relayed request.
 */
export function answerFailure(error: RelayError, requestId: string = crypto.randomUUID()): RelayResponse {
  const { code, message } = error;
  const [status, title] = ANSWERS[code];
  const problem = { type: "about:blank", title, status, detail: message, code, requestId };
  const headers: HeaderLine[] = [
    ["Content-Type", "application/problem+json"],
    ["Cache-Control", "no-store"],
    ["RelayServer-Error", code],
    ["RelayServer-RequestId", requestId],
  ];
  const retryAfterSeconds = error.retryAfterSeconds ?? RETRY_AFTER_SECONDS[code];
  if (retryAfterSeconds !== undefined) headers.push(["Retry-After", String(retryAfterSeconds)]);
  if (status === 401) headers.push(["WWW-Authenticate", "Bearer"]);
  return { status, headers, body: encoder.encode(JSON.stringify(problem)) };
}
