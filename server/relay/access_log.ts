/**
 * One line a request.
 *
 * @module
 */

import { getLogger } from "../../shared/log/logger.ts";
import type { RelayedRequest, RelayObserver } from "./observer.ts";

const logger = getLogger("access");

/** Writes relayed requests to the log. */
export const accessLog: RelayObserver = {
  requestEnded(request: RelayedRequest): void {
    logger.info("{method} {tenant}/{target}{path} {status} in {durationMs} ms", {
      ...request,
      durationMs: Math.round(request.durationMs * 10) / 10,
    });
  },
};
