/**
 * The log: the one place from which the code base takes its loggers.
 *
 * @module
 */

export { getLogger, type Logger } from "./logger.ts";
export { LOG_LEVELS, type LogFormat, type LogLevel, logSection } from "./config.ts";
export { configureLogging, type LoggingOptions } from "./configure.ts";
