/**
 * What is kept of relayed requests: the request log and the statistics.
 *
 * @module
 */

export { isTargetCredible, OTHER } from "./named_target.ts";
export { type RequestLogStore, RequestLogWriter, type RequestLogWriterOptions } from "./request_log_writer.ts";
export { StatisticsCollector, type StatisticsCollectorOptions, type StatisticsStore } from "./statistics_collector.ts";
