import assert from "node:assert/strict";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { ManagementClient } from "./testkit/management.ts";
import { startServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";
import { connectTcp, type RawResponse } from "./testkit/tcp.ts";

/** Reads an address under a name of one's choice, which `fetch` does not let one have. */
async function getAs(
  host: string,
  { port, path, key }: { port: number; path: string; key: string },
): Promise<RawResponse> {
  using client = await connectTcp(port);
  await client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nApi-Key: ${key}\r\n\r\n`);
  return await client.readResponse();
}

Deno.test("a tenant made by API is connected, relayed to, shown, disconnected and removed", async () => {
  await using server = await startServer();
  const management = await ManagementClient.of(server);
  const { json: tenant } = await management.call("POST", "/tenants", { json: { name: "acme", displayName: "Acme" } });
  const { json: secret } = await management.call("POST", "/tenants/acme/secrets", { json: {} });
  const { json: clientSecret } = await management.call("POST", "/tenants/acme/secrets", { json: { use: "client" } });
  const acme = { id: tenant.id, name: "acme", connectorSecret: secret.value, clientSecret: clientSecret.value };
  await using events = await management.watch({ types: ["tenantOnline", "tenantOffline"] });
  {
    await using _connector = await startConnector(server, acme, { targets: { app: () => new Response("hello") } });
    const online = await events.next();
    assert.deepEqual([online?.type, online?.data], ["tenantOnline", { tenantId: tenant.id, tenantName: "acme" }]);
    await assertAnswer(await server.relay(acme, "app"), { text: "hello" });
    const [origin] = (await management.call("GET", "/origins")).json.results;
    assert.deepEqual([origin?.state, origin?.publicUrl], ["ready", null]);
    const [connection] = (await management.call("GET", "/tenants/acme/connections")).json.results;
    assert.ok(connection !== undefined);
    assert.deepEqual([connection.originId, connection.targets, connection.inFlight], [origin?.id, ["app"], 0]);
    assert.equal((await management.call("GET", "/tenants/acme")).json.connections, 1);
    assert.equal((await management.call("DELETE", `/tenants/acme/connections/${connection.id}`)).status, 204);
    assert.equal((await events.next())?.type, "tenantOffline");
    assert.equal((await events.next())?.type, "tenantOnline");
    const [again] = (await management.call("GET", "/tenants/acme/connections")).json.results;
    assert.ok(again !== undefined);
    assert.notEqual(again.id, connection.id);
    assert.equal((await management.call("DELETE", "/tenants/acme")).status, 204);
    assert.equal((await events.next())?.type, "tenantOffline");
    await assertProblem(await server.relay(acme, "app"), { status: 404, code: "tenant_unknown" });
  }
});

Deno.test("changes by API take effect at once, whatever is cached", async () => {
  await using site = await startSite({ app: () => new Response("hello") }, { tenantInfoCacheDuration: "1h" });
  const { server, tenant } = site;
  const management = await ManagementClient.of(server);
  const path = `/tenants/${tenant.name}`;
  await assertAnswer(await server.relay(tenant, "app"), { text: "hello" });
  await management.call("PUT", path, { json: { requireAuthentication: true } });
  await assertProblem(await server.relay(tenant, "app"), { status: 401, code: "authentication_required" });
  await management.call("PUT", path, { json: { enabled: false } });
  await assertProblem(await server.relay(tenant, "app"), { status: 403, code: "tenant_disabled" });
  await server.disconnected(tenant);
  const late = { id: "", name: "late", connectorSecret: "", clientSecret: "" };
  await assertProblem(await server.relay(late, "app"), { status: 404, code: "tenant_unknown" });
  await management.call("POST", "/tenants", { json: { name: "late" } });
  await assertProblem(await server.relay(late, "app"), { status: 503, code: "connector_unavailable" });
});

Deno.test("a secret removed by API ends the connections that used it", async () => {
  await using site = await startSite({ app: () => new Response("hello") });
  const { server, tenant } = site;
  const management = await ManagementClient.of(server);
  const { json } = await management.call("GET", `/tenants/${tenant.name}/secrets`);
  const secret = json.results.find(({ use }) => use === "connector")!;
  await using events = await management.watch({ types: ["tenantOffline"] });
  assert.equal((await management.call("DELETE", `/tenants/${tenant.name}/secrets/${secret.id}`)).status, 204);
  assert.equal((await events.next())?.data.tenantName, tenant.name);
});

Deno.test("relayed requests are told to who watches them, of their tenant only", async () => {
  await using site = await startSite({ app: () => new Response("hello") });
  const { server, tenant } = site;
  const other = await server.database.createTenant();
  const management = await ManagementClient.of(server);
  await using events = await management.watch({ types: ["requestFinished"], tenant: tenant.name });
  await (await server.relay(other, "app")).body?.cancel();
  await assertAnswer(await server.relay(tenant, "app/orders?secret=1", { method: "POST", body: "12345" }), {
    text: "hello",
  });
  const { type, id, data } = (await events.next())!;
  assert.deepEqual([type, id], ["requestFinished", undefined]);
  const { tenantName, target, method, path, status, outcome, requestBytes, responseBytes } = data;
  assert.deepEqual({ tenantName, target, method, path, status, outcome, requestBytes, responseBytes }, {
    tenantName: tenant.name,
    target: "app",
    method: "POST",
    path: "/orders",
    status: 200,
    outcome: "succeeded",
    requestBytes: 5,
    responseBytes: 5,
  });
});

Deno.test("a server that stops ends event streams and does not wait for them", async () => {
  const server = await startServer({ drainTimeout: "30s" });
  const management = await ManagementClient.of(server);
  await using events = await management.watch();
  const draining = server.relayServer.drain();
  const event = await events.next();
  assert.ok(event?.type === "originChanged");
  assert.equal(event.data.state, "draining");
  assert.equal(await events.next(), undefined);
  await within(draining, { timeoutMs: 5_000, what: "the server to stop" });
  await server[Symbol.asyncDispose]();
});

Deno.test("a client that does not read its events does not keep the server from stopping", async () => {
  await using site = await startSite({ app: () => new Response("hello") });
  const { server, tenant } = site;
  const key = await server.database.addApiKey("reader");
  using client = await connectTcp(server.relayServer.managementAddress.port);
  await client.send(`GET /management/events HTTP/1.1\r\nHost: localhost\r\nApi-Key: ${key}\r\n\r\n`);
  assert.equal((await client.readHead()).status, 200);
  // More than the buffers of both sides take.
  const path = `app/${"x".repeat(30_000)}`;
  for (let count = 0; count < 400; count++) await assertAnswer(await server.relay(tenant, path), { text: "hello" });
  await within(server.relayServer.drain(), { timeoutMs: 15_000, what: "the server to stop" });
});

Deno.test("the management listener answers under the names it knows only, API and pages too", async () => {
  await using server = await startServer({ management: { port: 0, allowedHosts: ["relay.example"] } });
  const { port } = server.relayServer.managementAddress;
  const key = await server.database.addApiKey("admin");
  for (const path of ["/management/tenants", "/management/docs", "/management/openapi.json", "/management/events"]) {
    for (
      const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8081", "relay.example.evil"]
    ) {
      const answer = await getAs(host, { port, path, key });
      await assertProblem(answer, { status: 403, code: "access_denied" });
    }
  }
  for (const host of ["relay.example", "RELAY.example:80", `127.0.0.1:${port}`, "localhost"]) {
    const answer = await getAs(host, { port, path: "/management/tenants", key });
    assert.equal(answer.status, 200, host);
  }
});

Deno.test("metrics are for this machine, and for keys of readers from elsewhere", async () => {
  await using server = await startServer();
  const key = await server.database.addApiKey("reader");
  const read = async (headers: Record<string, string>) => {
    const response = await fetch(`${server.managementUrl}/metrics`, { headers });
    await response.body?.cancel();
    return [response.status, response.headers.get("RelayServer-Error")];
  };
  const elsewhere = { "X-Forwarded-For": "192.0.2.1" };
  assert.deepEqual(await read({}), [200, null]);
  assert.deepEqual(await read(elsewhere), [401, "authentication_required"]);
  assert.deepEqual(await read({ ...elsewhere, "Api-Key": "rsk_wrong" }), [401, "authentication_required"]);
  assert.deepEqual(await read({ ...elsewhere, "Api-Key": key }), [200, null]);
});

Deno.test("the API is not on the public listener", async () => {
  await using server = await startServer();
  const key = await server.database.addApiKey("admin");
  for (const path of ["/management/tenants", "/management/docs", "/management/openapi.json"]) {
    await assertProblem(await fetch(server.url + path, { headers: { "Api-Key": key } }), {
      status: 404,
      code: "not_found",
    });
  }
});

Deno.test("a session's cookie reaches no target, and no target can set one", async () => {
  await using site = await startSite({
    app: (request) => {
      const headers = new Headers({ "Set-Cookie": "relayserver_session=evil; Path=/" });
      headers.append("Set-Cookie", "own=1");
      return new Response(request.headers.get("Cookie"), { headers });
    },
  });
  const response = await site.server.relay(site.tenant, "app", {
    headers: { Cookie: "a=1; relayserver_session=stolen; b=2" },
  });
  assert.deepEqual(response.headers.getSetCookie(), ["own=1"]);
  assert.equal(await response.text(), "a=1; b=2");
});
