import assert from "node:assert/strict";
import type { Interceptor } from "../server/mod.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { assertProblem } from "./testkit/http.ts";
import { testListeners } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { startSite } from "./testkit/site.ts";
import { startServer } from "./testkit/server.ts";
import { echo, SocketClient, startSocketApplication } from "./testkit/websocket.ts";

testListeners("the access log has one line with 101 and the bytes when it is over", async (settings) => {
  await using application = await startSocketApplication(echo);
  await using site = await startSite({ app: application.url }, settings);
  await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/chat?token=x`)
    .opened();
  client.socket.send("12345");
  await client.next();
  client.socket.close(1000);
  await client.ended();
  const pattern = { message: /.*/, properties: { tenant: site.tenant.name, status: 101, errorCode: undefined } };
  const { properties } = await testLog.waitFor(pattern);
  assert.deepEqual([properties.method, properties.path, properties.target], ["GET", "/chat", "app"]);
  assert.ok(Number(properties.responseBytes) >= 5 && Number(properties.requestBytes) >= 5);
});

testListeners("a WebSocket counts as a request in flight", async (settings) => {
  await using application = await startSocketApplication(echo);
  await using server = await startServer({ ...settings, limits: { requestsPerTenant: 1 } });
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: application.url } });
  await using client = await new SocketClient(`${server.url}/relay/${tenant.name}/app/`).opened();
  await assertProblem(await server.relay(tenant, "app/"), { status: 503, code: "overloaded" });
  client.socket.close();
  await client.ended();
  await testLog.waitFor({ message: /.*/, properties: { tenant: tenant.name, status: 101 } });
  const response = await server.relay(tenant, "app/");
  assert.deepEqual([response.status, await response.text()], [200, "plain"]);
});

testListeners("policies of the tenant hold for WebSockets too", async (settings) => {
  await using application = await startSocketApplication(echo);
  await using server = await startServer(settings);
  const tenant = await server.database.createTenant({ requireAuthentication: true });
  await using _connector = await startConnector(server, tenant, { targets: { app: application.url } });
  const url = `${server.url}/relay/${tenant.name}/app/`;
  await using refused = new SocketClient(url);
  assert.equal((await refused.refused()).response.statusCode, 401);
  const headers = { "RelayServer-Authorization": `Bearer ${await server.token(tenant, "client")}` };
  await using client = await new SocketClient(url, [], { headers }).opened();
  client.socket.send("in");
  assert.equal(await client.next(), "in");
});

testListeners(
  "a policy decides whether a WebSocket is opened, and its limit for bodies is not one for messages",
  async (settings) => {
    await using application = await startSocketApplication(echo);
    const accessPolicy = {
      default: "deny",
      rules: [{ name: "in", effect: "allow", pathPrefixes: ["/in"], maxBodySize: 10 }],
    };
    await using site = await startSite({ app: application.url }, settings, { tenant: { accessPolicy } });
    const url = `${site.server.url}/relay/${site.tenant.name}/app`;
    await using refused = new SocketClient(`${url}/out`);
    assert.equal((await refused.refused()).response.statusCode, 403);
    await using client = await new SocketClient(`${url}/in`).opened();
    client.socket.send("longer than ten bytes");
    assert.equal(await client.next(), "longer than ten bytes");
  },
);

testListeners(
  "interceptors see the request for a WebSocket and its answer, and pass the messages on",
  async (settings) => {
    const seen: unknown[] = [];
    await using application = await startSocketApplication((socket, request) => {
      seen.push(request.headers["x-interceptor"]);
      echo(socket, request);
    });
    const interceptor: Interceptor = {
      name: "test",
      interceptRequest: ({ headers }) => ({ headers: [...headers, ["X-Interceptor", "was here"]] }),
      interceptResponse: ({ status, headers }) => {
        seen.push(status);
        return { headers: [...headers, ["X-Interceptor", "too"]] };
      },
    };
    await using site = await startSite({ app: application.url }, settings, { interceptors: [interceptor] });
    await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`).opened();
    assert.equal(client.response?.headers["x-interceptor"], "too");
    client.socket.send("hello");
    assert.equal(await client.next(), "hello");
    assert.deepEqual(seen.toSorted(), [101, "was here"]);
  },
);

testListeners(
  "an interceptor that takes a WebSocket's messages away fails the request, and the target's socket ends",
  async (settings) => {
    const closed = Promise.withResolvers<void>();
    await using application = await startSocketApplication((socket) => socket.on("close", () => closed.resolve()));
    const interceptor: Interceptor = { name: "test", interceptResponse: () => ({ body: "no messages" }) };
    await using site = await startSite({ app: application.url }, settings, { interceptors: [interceptor] });
    await using client = new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`);
    const { response } = await client.refused();
    assert.deepEqual([response.statusCode, response.headers["relayserver-error"]], [500, "internal_error"]);
    await within(closed.promise, { timeoutMs: 5000, what: "the end of the target's socket" });
  },
);

testListeners("host routing relays WebSockets", async (settings) => {
  await using application = await startSocketApplication(echo);
  await using server = await startServer({ ...settings, baseDomain: "relay.localhost" });
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: application.url } });
  const headers = { Host: `app--${tenant.name}.relay.localhost` };
  await using client = await new SocketClient(`${server.url}/ws`, [], { headers }).opened();
  client.socket.send("by host");
  assert.equal(await client.next(), "by host");
});
