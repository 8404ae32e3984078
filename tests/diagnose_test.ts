import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { connectorProgram } from "../connector/cli/program.ts";
import { createConnector } from "../connector/connector.ts";
import { runCli } from "../shared/cli/mod.ts";
import { testIo } from "../shared/cli/testing.ts";
import { encodeFrame } from "../shared/protocol/codec.ts";
import { CONNECTION_ID, FrameType } from "../shared/protocol/frame.ts";
import { assertFailedAt, diagnose, NOBODY } from "./testkit/diagnose.ts";
import { startServer } from "./testkit/server.ts";
import { startTarget } from "./testkit/target.ts";

Deno.test("diagnose ends with 0 and the time of every step when all is well", async () => {
  await using server = await startServer();
  await using target = startTarget(() => new Response(null, { status: 404 }));
  const tenant = await server.database.createTenant();
  const { code, steps } = await diagnose(server.url, tenant, { targets: { app: target.url, echo: { type: "echo" } } });
  assert.equal(code, 0, JSON.stringify(steps, null, 1));
  assert.deepEqual(steps.map(({ step, state }) => [step, state]), [
    ["configuration", "ok"],
    ["dns", "ok"],
    ["proxy", "skipped"],
    ["tcp", "ok"],
    ["tls", "skipped"],
    ["discovery", "ok"],
    ["token", "ok"],
    ["websocket", "ok"],
    ["handshake", "ok"],
    ["keep-alive", "ok"],
    ["target", "ok"],
    ["target", "ok"],
  ]);
  assert.match(steps.find(({ step }) => step === "keep-alive")!.detail, /^round trip \d/);
  assert.match(steps.find(({ subject }) => subject === "app")!.detail, /answers 404/);
  assert.ok(steps.some(({ durationMs }) => durationMs > 0));
});

Deno.test("diagnose without --json prints a line a step, and advice below", async () => {
  const io = testIo({
    RELAY_CONNECTOR__RELAY_SERVER_BASE_URI: "http://127.0.0.1:1",
    RELAY_CONNECTOR__TENANT_NAME: "acme",
    RELAY_CONNECTOR__TENANT_SECRET: "s3cret-value",
  });
  assert.equal(await runCli(connectorProgram({ createConnector }), ["diagnose"], io), 1);
  assert.match(io.out(), /^ok {6}configuration environment and flags: tenant acme, 0 targets \(/);
  assert.match(io.out(), /\nfailed {2}tcp +http:\/\/127\.0\.0\.1:1: .*\n {8}-> Nothing listens on port 1,/);
  assert.match(io.out(), /\nskipped discovery +http:\/\/127\.0\.0\.1:1: after the failure of tcp\n/);
  assert.match(io.out(), /\nNot everything is in order, see above\.\n$/);
  assert.doesNotMatch(io.out(), /s3cret-value/);
});

Deno.test("diagnose names every problem of the configuration and looks no further", async () => {
  const result = await diagnose("ftp://nowhere", { ...NOBODY, name: "" });
  assert.equal(result.steps.length, 1);
  assertFailedAt(result, "configuration", { detail: /relayServerBaseUri.*tenantName/s, advice: /configuration\.md/ });
});

Deno.test("diagnose names a name that does not resolve", async () => {
  const result = await diagnose("https://no-such-host.invalid");
  assertFailedAt(result, "dns", { detail: /Cannot resolve no-such-host\.invalid/, advice: /spelled/ });
});

Deno.test("diagnose names a port on which nobody listens", async () => {
  const result = await diagnose("http://127.0.0.1:1");
  assertFailedAt(result, "tcp", {
    detail: /Cannot connect to 127\.0\.0\.1 port 1: .*refused/i,
    advice: /Nothing listens/,
  });
});

Deno.test("diagnose names a captive portal that answers everything with a page", async () => {
  await using portal = startTarget(() =>
    new Response("<html>Please log in", { headers: { "content-type": "text/html" } })
  );
  const result = await diagnose(portal.url);
  assertFailedAt(result, "discovery", { detail: /no discovery document/, advice: /captive portal/ });
});

Deno.test("diagnose names a wrong secret and a disabled tenant", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const wrong = await diagnose(server.url, { ...tenant, connectorSecret: "not-the-secret" });
  assertFailedAt(wrong, "token", { detail: /refused the tenant's credentials/, advice: /tenantSecret/ });
  await server.database.updateTenant(tenant.id, { enabled: false });
  const disabled = await diagnose(server.url, tenant);
  assert.equal(disabled.code, 1);
  const failed = disabled.steps.filter(({ state }) => state === "failed");
  assert.ok(["token", "websocket"].includes(failed[0]?.step ?? ""), JSON.stringify(failed));
  assert.equal(failed.length, 1);
});

Deno.test("diagnose names a server that speaks another protocol version", async () => {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "relayserver.v1" });
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const http = createServer((_request, response) => {
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const document = { serverVersion: "9.0.0", authorizationServer: server.url, connectorEndpoint: `${url}/connector` };
    response.setHeader("content-type", "application/json").end(JSON.stringify(document));
  });
  http.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const error = { code: "version_unsupported", message: "This server speaks protocol version 9" };
      webSocket.on("message", () => {
        webSocket.send(encodeFrame(FrameType.error, CONNECTION_ID, { head: error }));
        webSocket.close(4002, "version_unsupported");
      });
    }));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    const result = await diagnose(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, tenant);
    assertFailedAt(result, "handshake", { detail: /protocol version 9/, advice: /update the older/ });
  } finally {
    for (const client of sockets.clients) client.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  }
});

Deno.test("diagnose names a target that is down, and looks at the others", async () => {
  await using server = await startServer();
  await using up = startTarget(() => new Response("up"));
  const tenant = await server.database.createTenant();
  const targets = { down: "http://127.0.0.1:1", up: up.url };
  const result = await diagnose(server.url, tenant, { targets });
  assertFailedAt(result, "target", {
    detail: /^http:\/\/127\.0\.0\.1:1: /,
    advice: /Nothing listens on port 1: check that the application runs/,
  });
  assert.equal(result.steps.find(({ subject }) => subject === "up")?.state, "ok");
});
