/**
 * Prometheus metrics.
 *
 * @module
 */

export { createMetricsRoutes, type MetricsRoutesOptions, type ReadableMetrics } from "./routes.ts";
export { ServerMetrics, type ServerMetricsOptions } from "./server_metrics.ts";
export type { MeasuredConnection, MeasuredJob, MeasuredWebhook, MeasuredWriter, MetricSources } from "./sources.ts";
