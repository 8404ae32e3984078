import assert from "node:assert/strict";
import type { ConnectorStatus } from "../connector/status/status.ts";
import { makeConnector, startConnector } from "./testkit/connector.ts";
import { testLog } from "./testkit/log.ts";
import { startServer } from "./testkit/server.ts";
import { connectTcp } from "./testkit/tcp.ts";

async function readStatus(url: string | undefined): Promise<ConnectorStatus> {
  return await (await fetch(`${url}/status`)).json();
}

Deno.test("status tells connection, targets and counters, and no secret", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const targets = { echo: { type: "echo" }, down: "http://127.0.0.1:1" };
  await using connector = await startConnector(server, tenant, { targets, status: { port: 0 } });
  for (const [path, status] of [["echo/", 200], ["down/", 502], ["none/", 404]] as const) {
    const response = await server.relay(tenant, path);
    await response.body?.cancel();
    assert.equal(response.status, status);
  }
  const status = await readStatus(connector.statusUrl);
  assert.equal(status.tenant, tenant.name);
  assert.equal(status.isConnected, true);
  assert.deepEqual(status.counters, { requests: 3, failed: 2, connects: 1, connectFailures: 0 });
  assert.deepEqual(status.targets.map(({ name }) => name), ["echo", "down"]);
  const [connection] = status.connections;
  assert.equal(connection?.state, "connected");
  assert.equal(connection?.server, server.url);
  assert.match(connection?.connectionId ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(connection?.inFlight, 0);
  assert.ok(!JSON.stringify(status).includes(tenant.connectorSecret));
  assert.equal((await fetch(`${connector.statusUrl}/health/ready`)).status, 200);
  assert.equal((await fetch(`${connector.statusUrl}/health/live`)).status, 200);
});

Deno.test("status tells why the connector is not connected, and is not ready", async () => {
  const tenant = { id: "x", name: "nobody", connectorSecret: "a-secret-value", clientSecret: "" };
  const failures = testLog.find({ message: /Trying again/ }).length;
  await using connector = await makeConnector({ url: "http://127.0.0.1:1" }, tenant, { status: { port: 0 } });
  connector.start();
  await testLog.waitFor({ message: /Trying again/ }, { count: failures + 1 });
  const status = await readStatus(connector.statusUrl);
  assert.equal(status.isConnected, false);
  assert.equal(status.connections[0]?.state, "connecting");
  assert.match(status.connections[0]?.lastFailure?.message ?? "", /127\.0\.0\.1:1/);
  assert.equal(status.counters.connectFailures, 1);
  const ready = await fetch(`${connector.statusUrl}/health/ready`);
  assert.deepEqual([ready.status, await ready.json()], [503, { status: "not connected" }]);
});

Deno.test("status tells of a connection that was lost, for as long as the server stays away", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await using connector = await startConnector(server, tenant, { status: { port: 0 } });
  assert.equal((await readStatus(connector.statusUrl)).isConnected, true);
  const failures = testLog.find({ message: /Trying again/ }).length;
  await server[Symbol.asyncDispose]();
  // The first attempts may still find a server that goes.
  await testLog.waitFor({ message: /Trying again/ }, { count: failures + 3 });
  const { isConnected, connections: [connection], counters } = await readStatus(connector.statusUrl);
  assert.deepEqual([isConnected, connection?.state], [false, "connecting"]);
  assert.match(connection?.lastFailure?.message ?? "", /ECONNREFUSED.*nobody takes connections there/);
  assert.ok(counters.connects === 1 && counters.connectFailures >= 2, JSON.stringify(counters));
  assert.equal((await fetch(`${connector.statusUrl}/health/live`)).status, 200);
});

Deno.test("status is refused to other hosts, methods and paths", async () => {
  const tenant = { id: "x", name: "nobody", connectorSecret: "a-secret-value", clientSecret: "" };
  await using connector = await makeConnector({ url: "http://127.0.0.1:1" }, tenant, { status: { port: 0 } });
  connector.start();
  const { port } = new URL(connector.statusUrl!);
  for (
    const [line, host, status] of [
      ["GET /status", "rebound.example", 403],
      ["GET /status", `localhost:${port}`, 200],
      ["POST /status", `127.0.0.1:${port}`, 405],
      ["GET /config", `127.0.0.1:${port}`, 404],
    ] as const
  ) {
    using client = await connectTcp(Number(port));
    await client.send(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    assert.equal((await client.readResponse()).status, status, `${line} ${host}`);
  }
});

Deno.test("a connector whose status port is taken says so at start", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tenant = { id: "x", name: "nobody", connectorSecret: "a-secret-value", clientSecret: "" };
  await using connector = await makeConnector({ url: "http://127.0.0.1:1" }, tenant, {
    status: { port: taken.addr.port },
  });
  assert.throws(
    () => connector.start(),
    new RegExp(`Cannot serve the status on 127\\.0\\.0\\.1 port ${taken.addr.port}`),
  );
});
