/**
 * The one error class of management: what API, commands and pages tell their users.
 *
 * @module
 */

/**
 * Why a change or a question was refused:
 * - `invalid_request`: the input breaks the rules; `problems` says where and how.
 * - `authentication_required`: no credentials, or none that count.
 * - `access_denied`: the role does not allow it, or a page of another site asked.
 * - `tenant_unknown`, `not_found`: there is no such tenant, or nothing else of that name or id.
 * - `method_not_allowed`: the address exists, but not with this method.
 * - `request_timeout`: the client took too long to send its document.
 * - `name_taken`: the name is in use.
 * - `queue_not_empty`: the tenant has stored requests, which would be lost.
 * - `version_conflict`: somebody else has changed it in between.
 * - `body_too_large`, `unsupported_media_type`: the document is too large, or of a type that is not read.
 * - `rate_limited`: too many attempts; `retryAfterSeconds` says when to try again.
 * - `overloaded`: too many event streams are open.
 * - `database_unavailable`: the database cannot be reached.
 * - `internal_error`: a fault of this program.
 */
export const MANAGEMENT_ERROR_CODES = [
  "invalid_request",
  "authentication_required",
  "access_denied",
  "tenant_unknown",
  "not_found",
  "method_not_allowed",
  "request_timeout",
  "name_taken",
  "queue_not_empty",
  "version_conflict",
  "body_too_large",
  "unsupported_media_type",
  "rate_limited",
  "overloaded",
  "database_unavailable",
  "internal_error",
] as const;

/** One of {@link MANAGEMENT_ERROR_CODES}. */
export type ManagementErrorCode = typeof MANAGEMENT_ERROR_CODES[number];

/** One fault of an input. */
export interface InputProblem {
  /** Which part of a request is at fault. */
  readonly in: "body" | "query" | "path" | "header";
  /** The field, levels joined by dots; empty for the whole. */
  readonly path: string;
  /** For people. */
  readonly message: string;
}

/** What may be said beside the code and the message. */
export interface ManagementErrorOptions extends ErrorOptions {
  readonly problems?: readonly InputProblem[];
  readonly retryAfterSeconds?: number;
  /** The methods that are allowed instead. */
  readonly allowedMethods?: readonly string[];
}

/** Something was refused. The message is for people and repeats no secret. */
export class ManagementError extends Error {
  override readonly name = "ManagementError";
  readonly code: ManagementErrorCode;
  readonly problems: readonly InputProblem[];
  readonly retryAfterSeconds: number | undefined;
  readonly allowedMethods: readonly string[];

  /**
   * @param code One of {@link MANAGEMENT_ERROR_CODES}.
   * @param message What failed and why, in the form "Cannot do X: reason".
   */
  constructor(code: ManagementErrorCode, message: string, options: ManagementErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.problems = options.problems ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.allowedMethods = options.allowedMethods ?? [];
  }
}
