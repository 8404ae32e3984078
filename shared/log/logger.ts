/**
 * Where modules that run anywhere take their loggers from: nothing here needs more than the web platform.
 *
 * @module
 */

export { getLogger, type Logger, type LogRecord } from "@logtape/logtape";
