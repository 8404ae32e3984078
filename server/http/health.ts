/**
 * What load balancers ask.
 *
 * @module
 */

import { Hono } from "hono";

/** Whether the server can do its work. */
export interface Health {
  /** Whether new requests may be sent here. */
  isReady(): boolean;
}

/** Makes `/health/live` and `/health/ready`. */
export function createHealthRoutes(health: Health): Hono {
  const app = new Hono();
  app.get("/health/live", (context) => context.json({ status: "live" }));
  app.get("/health/ready", (context) => {
    const isReady = health.isReady();
    return context.json({ status: isReady ? "ready" : "draining" }, isReady ? 200 : 503, {
      "Cache-Control": "no-store",
    });
  });
  return app;
}
