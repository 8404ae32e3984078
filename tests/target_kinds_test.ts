/**
 * Targets in the connector itself: applications in its process, and those that are built in.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Hono } from "hono";
import { assertAnswer } from "./testkit/http.ts";
import { startSite } from "./testkit/site.ts";

Deno.test("a Hono application in the connector's process is a target", async () => {
  const app = new Hono()
    .get("/orders/:id", (context) => context.json({ id: context.req.param("id"), open: context.req.query("open") }))
    .post("/orders", async (context) => context.text(`took ${(await context.req.json()).item}`, 201));
  await using site = await startSite({ app: app.fetch });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app/orders/7?open=1"), { text: '{"id":"7","open":"1"}' });
  const posted = await server.relay(tenant, "app/orders", { method: "POST", body: '{"item":"pen"}' });
  await assertAnswer(posted, { status: 201, text: "took pen" });
  await assertAnswer(await server.relay(tenant, "app/nothing"), { status: 404, text: "404 Not Found" });
});

Deno.test("the built-in targets echo and ping answer", async () => {
  await using site = await startSite({ echo: { type: "echo" }, ping: { type: "ping" } });
  const { server, tenant } = site;
  const body = new Uint8Array(200_000).map((_, index) => index * 31);
  const headers = { "content-type": "application/x-bytes" };
  const echoed = await server.relay(tenant, "echo/x", { method: "PUT", body, headers });
  assert.equal(echoed.headers.get("content-type"), "application/x-bytes");
  assert.deepEqual(await echoed.bytes(), body);
  const answer = await (await server.relay(tenant, "ping")).json();
  assert.deepEqual([answer.status, answer.target], ["ok", "ping"]);
});
