/**
 * What the operator of a site should know about the targets it has configured, although they work.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { formatTimeSpan } from "../../shared/time/duration.ts";
import type { TargetOptions } from "./create_target.ts";

const logger = getLogger("targets");

type Targets = Readonly<Record<string, TargetOptions>>;

/** Logs which targets are called without a check of their certificate, but for those of `known` that were already. */
export function warnOfUncheckedTargets(targets: Targets, known: Targets = {}): void {
  for (const [target, { tls }] of Object.entries(targets)) {
    if (tls?.insecureSkipVerify !== true || known[target]?.tls?.insecureSkipVerify === true) continue;
    logger.warn(
      "Target {target} is called without a check of its certificate (tls.insecureSkipVerify): whoever is on the way can read and change what is sent",
      { target },
    );
  }
}

/**
 * Logs which targets may take longer than the server waits, but for those of `known` whose timeout is the same.
 *
 * @param options How long the server waits for the head of a response, in milliseconds; absent when it does not say.
 */
export function warnOfLongTimeouts(
  targets: Targets,
  { requestExpirationMs = Infinity, known = {} }: {
    readonly requestExpirationMs?: number | undefined;
    readonly known?: Targets;
  },
): void {
  for (const [target, { timeout = 0 }] of Object.entries(targets)) {
    if (timeout <= requestExpirationMs || known[target]?.timeout === timeout) continue;
    logger.warn(
      "The timeout of target {target}, {timeout}, is longer than the server waits for an answer, {requestExpiration}",
      { target, timeout: formatTimeSpan(timeout), requestExpiration: formatTimeSpan(requestExpirationMs) },
    );
  }
}
