/**
 * Which targets get a name of their own in statistics and metrics. Whoever sends requests makes up names as he likes.
 *
 * @module
 */

import type { RelayErrorCode } from "../../shared/errors/relay_error.ts";
import type { RelayedRequest } from "../relay/observer.ts";

/** Stands for all targets, or tenants, without a name of their own. */
export const OTHER = "_other";

/** With these a request was refused before anybody looked whether the target exists. */
const SAYS_NOTHING: ReadonlySet<RelayErrorCode> = new Set<RelayErrorCode>([
  "invalid_request",
  "authentication_required",
  "access_denied",
  "tenant_disabled",
  "tenant_unknown",
  "target_unknown",
  "not_found",
  "rate_limited",
]);

/** Whether a request gives a reason to believe that its target exists. */
export function isTargetCredible({ connectionId, errorCode }: RelayedRequest): boolean {
  return connectionId !== undefined || errorCode === undefined || !SAYS_NOTHING.has(errorCode);
}
