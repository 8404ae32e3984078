import assert from "node:assert/strict";
import { createMetricsRoutes } from "./routes.ts";

const metrics = {
  contentType: "text/plain; version=0.0.4; charset=utf-8",
  read: () => Promise.resolve("relay_ready 1\n"),
};

Deno.test("createMetricsRoutes() serves the metrics to who is let through", async () => {
  const app = createMetricsRoutes({ metrics, authorize: (_, next) => next() });
  const response = await app.request("/metrics");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), metrics.contentType);
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(await response.text(), "relay_ready 1\n");
});

Deno.test("createMetricsRoutes() reads nothing for who is not let through", async () => {
  const app = createMetricsRoutes({
    metrics: { ...metrics, read: () => assert.fail("read") },
    authorize: (context) => Promise.resolve(context.text("no", 401)),
  });
  assert.equal((await app.request("/metrics")).status, 401);
});
