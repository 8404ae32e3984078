/**
 * Errors as problem documents (RFC 9457).
 *
 * @module
 */

import { HTTPException } from "hono/http-exception";
import { z } from "@hono/zod-openapi";
import { getLogger } from "../../../shared/log/mod.ts";
import { PersistenceError, type PersistenceErrorCode } from "../../persistence/mod.ts";
import { MANAGEMENT_ERROR_CODES, ManagementError, type ManagementErrorCode } from "../management_error.ts";

const logger = getLogger("management");

const ANSWERS: Record<ManagementErrorCode, readonly [status: number, title: string]> = {
  invalid_request: [400, "Invalid request"],
  authentication_required: [401, "Authentication required"],
  access_denied: [403, "Access denied"],
  tenant_unknown: [404, "Tenant unknown"],
  not_found: [404, "Not found"],
  method_not_allowed: [405, "Method not allowed"],
  request_timeout: [408, "Request timeout"],
  name_taken: [409, "Name taken"],
  queue_not_empty: [409, "Queue not empty"],
  version_conflict: [412, "Version conflict"],
  body_too_large: [413, "Body too large"],
  unsupported_media_type: [415, "Unsupported media type"],
  rate_limited: [429, "Rate limited"],
  internal_error: [500, "Internal error"],
  overloaded: [503, "Overloaded"],
  database_unavailable: [503, "Database unavailable"],
};

/** Seconds, where the error does not know better. */
const RETRY_AFTER_SECONDS: Partial<Record<ManagementErrorCode, number>> = {
  rate_limited: 1,
  overloaded: 5,
  database_unavailable: 5,
};

const inputProblemSchema = z.object({
  in: z.enum(["body", "query", "path", "header"]).meta({ description: "The part of the request that is at fault." }),
  path: z.string().meta({ description: "The field, levels joined by dots; empty for the whole." }),
  message: z.string(),
});

/** A problem document. */
export const problemSchema = z.object({
  type: z.literal("about:blank"),
  title: z.string().meta({ description: "What the code means." }),
  status: z.int(),
  detail: z.string().meta({ description: "What failed and why." }),
  code: z.enum(MANAGEMENT_ERROR_CODES).meta({ description: "For programs." }),
  requestId: z.guid().meta({ description: "Stands in the log when the server is at fault." }),
  problems: z.array(inputProblemSchema).optional().meta({ description: "Every fault of the input." }),
}).meta({ id: "Problem", description: "Why a request was refused (RFC 9457)." });

/** A problem document. */
export type ProblemDocument = z.output<typeof problemSchema>;

/** The status that a code is answered with. */
export function statusOfProblem(code: ManagementErrorCode): number {
  return ANSWERS[code][0];
}

/** Answers with a problem document. */
export function answerProblem(error: ManagementError): Response {
  const { code, message, problems, allowedMethods } = error;
  const requestId = crypto.randomUUID();
  if (code === "internal_error") logger.error("Request {requestId} failed: {error}", { requestId, error: error.cause });
  const [status, title] = ANSWERS[code];
  const document: ProblemDocument = {
    type: "about:blank",
    title,
    status,
    detail: message,
    code,
    requestId,
    ...(problems.length > 0 ? { problems: [...problems] } : {}),
  };
  const headers = new Headers({
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "RelayServer-Error": code,
    "RelayServer-RequestId": requestId,
  });
  const retryAfterSeconds = error.retryAfterSeconds ?? RETRY_AFTER_SECONDS[code];
  if (retryAfterSeconds !== undefined) headers.set("Retry-After", String(retryAfterSeconds));
  if (status === 401) headers.set("WWW-Authenticate", 'ApiKey realm="relayserver"');
  if (allowedMethods.length > 0) headers.set("Allow", allowedMethods.join(", "));
  return new Response(JSON.stringify(document), { status, headers });
}

/** What the database says that is not this program's fault. */
const PERSISTENCE_CODES: Partial<Record<PersistenceErrorCode, ManagementErrorCode>> = {
  name_taken: "name_taken",
  version_conflict: "version_conflict",
  database_unavailable: "database_unavailable",
};

/** Makes a management error of anything that was thrown. What is not foreseen is this program's fault. */
export function toManagementError(error: unknown): ManagementError {
  if (error instanceof ManagementError) return error;
  const code = error instanceof PersistenceError ? PERSISTENCE_CODES[error.code] : undefined;
  if (code === "database_unavailable") {
    return new ManagementError(code, "The database cannot be reached", { cause: error });
  }
  if (code !== undefined && error instanceof Error) return new ManagementError(code, error.message, { cause: error });
  // The body's validator throws it for what is no JSON.
  if (error instanceof HTTPException && error.status === 400) {
    return new ManagementError("invalid_request", "Cannot accept the body: it is no JSON", { cause: error });
  }
  return new ManagementError("internal_error", "The server failed to answer", { cause: error });
}
