/**
 * One line a request.
 *
 * @module
 */

import { getLogger, type LogRecord } from "../../shared/log/logger.ts";
import type { RelayedRequest, RelayObserver } from "./observer.ts";

const logger = getLogger("access");
const CATEGORY = ["access"];
const TEMPLATE = "{method} {tenant}/{target}{path} {status} in {durationMs} ms";

/**
 * Writes relayed requests to the log. It hands over finished records, as LogTape would make them of the template: reading the template anew
 * for every request took 7 % of the server's time.
 */
export const accessLog: RelayObserver = {
  requestEnded(request: RelayedRequest): void {
    if (!logger.isEnabledFor("info")) return;
    const durationMs = Math.round(request.durationMs * 10) / 10;
    const { method, tenant, target, path, status } = request;
    const record: LogRecord = {
      category: CATEGORY,
      level: "info",
      timestamp: Date.now(),
      rawMessage: TEMPLATE,
      message: ["", method, " ", tenant, "/", target, "", path, " ", status, " in ", durationMs, " ms"],
      properties: { ...request, durationMs },
    };
    logger.emit(record);
  },
};
