/**
 * `GET /metrics`: what Prometheus reads.
 *
 * @module
 */

import { type Env, Hono, type MiddlewareHandler } from "hono";

/** What is read. */
export interface ReadableMetrics {
  readonly contentType: string;
  read(): Promise<string>;
}

/** What the route is made with. */
export interface MetricsRoutesOptions<E extends Env> {
  readonly metrics: ReadableMetrics;
  /** Runs first, and answers itself whoever may not read the metrics: names of tenants and targets are nobody else's business. */
  readonly authorize: MiddlewareHandler<E>;
}

/** Makes `/metrics`. */
export function createMetricsRoutes<E extends Env>({ metrics, authorize }: MetricsRoutesOptions<E>): Hono<E> {
  const app = new Hono<E>();
  app.get("/metrics", authorize, async (context) =>
    context.body(await metrics.read(), 200, {
      "Content-Type": metrics.contentType,
      "Cache-Control": "no-store",
    }));
  return app;
}
