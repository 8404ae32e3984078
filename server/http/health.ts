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
  /** Whether the database is there, and since when, in milliseconds since 1970. */
  database(): { readonly isAvailable: boolean; readonly sinceMs: number };
  /** How the way to other servers is. */
  transport(): { readonly state: string };
}

/**
 * Makes `/health/live` and `/health/ready`. A server that has lost its database stays ready: it goes on relaying for the tenants it knows, and
 * with all servers on one database a balancer would be left with none. The same holds for the broker.
 */
export function createHealthRoutes(health: Health): Hono {
  const app = new Hono();
  app.get("/health/live", (context) => context.json({ status: "live" }));
  app.get("/health/ready", (context) => {
    const isReady = health.isReady();
    const { isAvailable, sinceMs } = health.database();
    const database = { status: isAvailable ? "available" : "unavailable", since: new Date(sinceMs).toISOString() };
    const transport = { status: health.transport().state };
    return context.json({ status: isReady ? "ready" : "draining", database, transport }, isReady ? 200 : 503, {
      "Cache-Control": "no-store",
    });
  });
  return app;
}
