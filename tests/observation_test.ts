import assert from "node:assert/strict";
import { Webhook as Verifier } from "standardwebhooks";
import { FrameType } from "../shared/protocol/frame.ts";
import { valueOf } from "../server/metrics/testing.ts";
import { OriginRepository, RequestLogRepository, StatisticsRepository } from "../server/persistence/mod.ts";
import { makeSecret, Receiver } from "../server/webhooks/testing.ts";
import { startConnector } from "./testkit/connector.ts";
import { testLog } from "./testkit/log.ts";
import { RawConnector } from "./testkit/raw_connector.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";

/** What Prometheus would read. */
async function readMetrics({ relayServer }: TestServer): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${relayServer.managementAddress.port}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return await response.text();
}

Deno.test("a relayed request is found in metrics, request log and statistics", async () => {
  await using site = await startSite({ app: async (request) => new Response((await request.text()).toUpperCase()) });
  const { server, tenant } = site;
  const answer = await server.relay(tenant, "app/orders/1?token=hidden", { method: "POST", body: "hello" });
  assert.equal(await answer.text(), "HELLO");
  await (await server.relay(tenant, "no-such-target")).body?.cancel();
  const text = await readMetrics(server);
  const labels = { tenant: tenant.name, target: "app" };
  assert.equal(valueOf(text, "relay_requests_total", { ...labels, outcome: "succeeded", status: "2xx" }), 1);
  assert.equal(valueOf(text, "relay_request_errors_total", { tenant: tenant.name, code: "target_unknown" }), 1);
  assert.equal(valueOf(text, "relay_request_duration_seconds_count", labels), 1);
  assert.equal(valueOf(text, "relay_request_body_bytes_total", labels), 5);
  assert.equal(valueOf(text, "relay_connections", { tenant: tenant.name }), 1);
  assert.equal(valueOf(text, "relay_ready"), 1);
  assert.equal(valueOf(text, "relay_database_up"), 1);

  await server.relayServer.drain();
  const db = server.database.handle;
  const { results } = await new RequestLogRepository(db).find({ filter: { tenantId: tenant.id } });
  const logged = results.map(({ method, target, path, status, outcome, errorCode, requestBytes, responseBytes }) =>
    [method, target, path, status, outcome, errorCode, requestBytes, responseBytes] as const
  );
  assert.deepEqual(logged.sort(([one], [other]) => one < other ? 1 : -1), [
    ["POST", "app", "/orders/1", 200, "succeeded", null, 5, 5],
    ["GET", "no-such-target", "", 404, "failed", "target_unknown", 0, 0],
  ]);
  assert.doesNotMatch(JSON.stringify(results), /hidden/);
  const statistics = await new StatisticsRepository(db).find({
    tenantId: tenant.id,
    fromMs: 0,
    toMs: Date.now() + 60_000,
    resolutionMs: 86_400_000,
  });
  assert.deepEqual(statistics.map(({ requests, errors, requestBytes }) => [requests, errors, requestBytes]), [[
    2,
    1,
    5,
  ]]);
  const [origin] = await new OriginRepository(db, Date.now).list();
  assert.equal(origin?.state, "stopped");
});

Deno.test("the request log tells where the time went and how often a request was delivered", async () => {
  const rest = Promise.withResolvers<void>();
  await using site = await startSite({
    app: () => new Response("whole"),
    stream: () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new Uint8Array(70_000));
            await rest.promise;
            controller.close();
          },
        }),
      ),
  });
  const { server, tenant } = site;
  await (await server.relay(tenant, "app")).text();
  const streamed = await server.relay(tenant, "stream");
  rest.resolve();
  await streamed.arrayBuffer();
  await (await server.relay(tenant, "no-such-target")).body?.cancel();
  await (await server.relay({ ...tenant, name: "nobody" }, "app")).body?.cancel();
  await server.relayServer.drain();
  const { results } = await new RequestLogRepository(server.database.handle).find();
  const [app, stream] = ["app", "stream"].map((target) =>
    results.find((request) => request.target === target && request.tenantId !== null)
  );
  for (const request of [app, stream]) {
    assert.equal(request?.deliveries, 1);
    const { waitedMs, tunnelMs, targetMs, durationMs } = request;
    assert.ok(waitedMs! > 0 && tunnelMs! > 0 && targetMs! > 0, JSON.stringify(request));
    assert.ok(waitedMs! + tunnelMs! + targetMs! <= durationMs + 0.03, JSON.stringify(request));
  }
  const unknown = results.find(({ errorCode }) => errorCode === "target_unknown");
  assert.deepEqual([unknown?.deliveries, unknown?.tunnelMs, unknown?.targetMs], [1, null, null]);
  const refused = results.find(({ errorCode }) => errorCode === "tenant_unknown");
  assert.deepEqual([refused?.deliveries, refused?.waitedMs, refused?.targetMs], [0, null, null]);
});

Deno.test("the request log counts every delivery, of requests that are stored and of those that are not", async () => {
  for (const acknowledgeMode of ["connectorReceived", "connectorFinished"] as const) {
    await using server = await startServer({ acknowledgeMode });
    const tenant = await server.database.createTenant();
    const token = await server.token(tenant, "connector");
    const first = await RawConnector.connect(server.url, { token });
    const answer = server.relay(tenant, "app", { method: "POST", body: "hello" });
    await first.next(FrameType.request);
    first.terminate();
    using second = await RawConnector.connect(server.url, { token });
    const again = await second.next(FrameType.request);
    second.acknowledge(again.id);
    second.respond(again.id, "done");
    assert.equal(await (await answer).text(), "done");
    await server.relayServer.drain();
    const { results: [request] } = await new RequestLogRepository(server.database.handle).find();
    assert.equal(request?.deliveries, 2, acknowledgeMode);
    assert.ok(request.waitedMs! > 0 && request.targetMs! > 0, acknowledgeMode);
    assert.equal(request.tunnelMs, null, "a connector that does not say how long the target took");
    assert.ok(request.waitedMs! + request.targetMs! <= request.durationMs + 0.02, acknowledgeMode);
  }
});

Deno.test("requestLogger decides which requests are logged", async () => {
  await using site = await startSite({ app: () => new Response() }, { requestLogger: ["failed"] });
  const { server, tenant } = site;
  for (const path of ["app", "no-such-target"]) await (await server.relay(tenant, path)).body?.cancel();
  await server.relayServer.drain();
  const { results } = await new RequestLogRepository(server.database.handle).find();
  assert.deepEqual(results.map(({ target }) => target), ["no-such-target"]);
});

Deno.test("relaying goes on when the request log cannot be written, and what is lost is counted", async () => {
  await using site = await startSite({ app: () => new Response("still here") });
  const { server, tenant } = site;
  await server.database.handle.schema.dropTable("requests").execute();
  for (let count = 0; count < 300; count++) {
    assert.equal(await (await server.relay(tenant, "app")).text(), "still here");
  }
  await testLog.waitFor({ message: /are missing from the request log/ });
  const text = await readMetrics(server);
  const count = (name: string) => valueOf(text, `relay_request_log_${name}`) ?? NaN;
  assert.equal(count("rows_total"), 0);
  assert.ok(count("dropped_rows_total") >= 128);
  assert.equal(count("buffered_rows") + count("dropped_rows_total"), 300);
});

Deno.test("an error that nobody foresaw is logged with its cause under the request's id", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await server.database.handle.schema.alterTable("tenants").renameTo("gone").execute();
  const response = await server.relay(tenant, "app");
  assert.deepEqual([response.status, response.headers.get("relayserver-error")], [500, "internal_error"]);
  assert.doesNotMatch(await response.text(), /no such table/);
  const requestId = response.headers.get("relayserver-requestid");
  const { properties } = await testLog.waitFor({ message: /Request .* failed/, properties: { requestId } });
  assert.match(String(properties.error), /no such table/);
});

Deno.test("the metrics are not for those who come through a proxy without credentials", async () => {
  await using server = await startServer();
  const url = `http://127.0.0.1:${server.relayServer.managementAddress.port}/metrics`;
  const response = await fetch(url, { headers: { "X-Forwarded-For": "192.0.2.1" } });
  assert.equal(response.status, 401);
  assert.doesNotMatch(await response.text(), /relay_requests/);
  const onPublicListener = await fetch(`${server.url}/metrics`);
  assert.equal(onPublicListener.status, 404);
  await onPublicListener.body?.cancel();
});

Deno.test("a webhook is called when a tenant goes on line and off line, not when it reconnects", async () => {
  await using receiver = new Receiver();
  const secret = makeSecret();
  await using server = await startServer({
    connectionGrace: "300ms",
    webhooks: { crm: { url: receiver.url, secret } },
  });
  const tenant = await server.database.createTenant();
  const targets = { app: () => new Response("here") };
  {
    await using _connector = await startConnector(server, tenant, { targets });
    await receiver.called(1);
  }
  {
    await using _connector = await startConnector(server, tenant, { targets });
    assert.equal(await (await server.relay(tenant, "app")).text(), "here");
  }
  await receiver.called(2);
  const events = receiver.calls.map(({ body, headers }) =>
    new Verifier(secret).verify(body, headers) as { type: string; data: Record<string, unknown> }
  );
  assert.deepEqual(events.map(({ type }) => type), ["tenant.online", "tenant.offline"]);
  assert.deepEqual(events.map(({ data }) => [data.tenantId, data.tenantName]), [
    [tenant.id, tenant.name],
    [tenant.id, tenant.name],
  ]);
});

Deno.test("a server that stops does not report its tenants off line", async () => {
  await using receiver = new Receiver();
  await using site = await startSite({ app: () => new Response() }, {
    connectionGrace: "1ms",
    webhooks: { crm: { url: receiver.url, secret: makeSecret() } },
  });
  await receiver.called(1);
  await site.server.relayServer.drain();
  assert.equal(receiver.calls.length, 1);
});
