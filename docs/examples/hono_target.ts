/**
 * A Hono application as a target inside the connector's process: no port, no second program.
 *
 * As a module, in the configuration of any connector:
 *
 *     targets:
 *       orders:
 *         type: ./hono_target.ts
 *
 * As a program of its own: `deno run --allow-net --allow-env --allow-read --allow-sys=hostname hono_target.ts connector.yaml`.
 *
 * @module
 */

import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { connectorConfigSchema, createConnector, loadConfig } from "../../connector/mod.ts";

const orders = new Map<string, { readonly id: string; readonly item: string }>();

/** The application. Paths begin behind the target's name: `/relay/acme/orders/list` arrives as `/list`. */
export const app = new Hono()
  .get("/list", (context) => context.json([...orders.values()]))
  .post("/list", async (context) => {
    const { item } = await context.req.json<{ item: string }>();
    const order = { id: crypto.randomUUID(), item };
    orders.set(order.id, order);
    return context.json(order, 201);
  })
  .get("/count", (context) =>
    streamSSE(context, async (stream) => {
      for (const count of ["1", "2", "3"]) await stream.writeSSE({ data: count });
    }));

export default app;

if (import.meta.main) {
  const [file] = Deno.args;
  const config = loadConfig({
    schema: connectorConfigSchema,
    file,
    env: Deno.env.toObject(),
    envPrefix: "RELAY_CONNECTOR",
  });
  await using connector = await createConnector(config, { targets: { orders: app.fetch } });
  connector.start();
  await connector.finished;
}
