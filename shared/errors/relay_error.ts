/**
 * The one error class for what can go wrong with a relayed request. Its codes are the `RelayServer-Error` values of the HTTP interface, so
 * that the same word stands in code, logs, metrics and answers. Which HTTP status a code becomes is decided in `server/relay/failure.ts`.
 *
 * @module
 */

/** Why a request was not answered by its target. */
export const RELAY_ERROR_CODES = [
  "invalid_request",
  "authentication_required",
  "access_denied",
  "tenant_disabled",
  "tenant_unknown",
  "target_unknown",
  "not_found",
  "request_timeout",
  "body_too_large",
  "headers_too_large",
  "rate_limited",
  "internal_error",
  "target_unreachable",
  "target_invalid_response",
  "connector_lost",
  "connector_unavailable",
  "transport_unavailable",
  "body_store_unavailable",
  "authentication_unavailable",
  "queue_full",
  "overloaded",
  "draining",
  "target_timeout",
  "request_expired",
  "body_taken",
  "delivery_over",
  "client_gone",
] as const;

/** One of {@link RELAY_ERROR_CODES}. `client_gone` is nobody's fault and never becomes an answer. */
export type RelayErrorCode = typeof RELAY_ERROR_CODES[number];

/** Whether a value from outside is a known code. */
export function isRelayErrorCode(value: unknown): value is RelayErrorCode {
  return (RELAY_ERROR_CODES as readonly unknown[]).includes(value);
}

/** What may be said beside the code and the message. */
export interface RelayErrorOptions extends ErrorOptions {
  /** After how many seconds a repeat is worth trying; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** A request could not be answered by its target. The message is for people and never contains input or secrets. */
export class RelayError extends Error {
  override readonly name = "RelayError";
  readonly code: RelayErrorCode;
  readonly retryAfterSeconds: number | undefined;

  /**
   * @param code One of {@link RELAY_ERROR_CODES}.
   * @param message What failed and why, in the form "Cannot do X: reason".
   */
  constructor(code: RelayErrorCode, message: string, options: RelayErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
