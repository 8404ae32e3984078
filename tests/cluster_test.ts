import assert from "node:assert/strict";
import { bodyOf, digest, digestOf, settled, upload } from "./testkit/bodies.ts";
import { answers, startCluster, type TestCluster } from "./testkit/cluster.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { polled } from "./testkit/polled.ts";
import { requireRabbitMq, shareBroker } from "./testkit/rabbitmq.ts";
import { type ServerOverrides, startServer, type TestServer } from "./testkit/server.ts";
import { Gate } from "./testkit/target.ts";
import { connectTcp } from "./testkit/tcp.ts";
import type { TestTenant } from "./testkit/tenants.ts";
import { echo, SocketClient, startSocketApplication } from "./testkit/websocket.ts";

const MIB = 1 << 20;

const rabbitmq = await requireRabbitMq();
const broker = await shareBroker(rabbitmq);

/** Where a client's request comes in, and where the connector is. */
interface Way extends AsyncDisposable {
  readonly client: TestServer;
  readonly connector: TestServer;
}

/** Ways that requests take by the server transport; the same must come out. */
const WAYS: Readonly<Record<string, (overrides?: ServerOverrides) => Promise<Way>>> = {
  "two origins": async (overrides) => {
    const cluster: TestCluster = await startCluster(broker!, overrides);
    const [client, connector] = cluster.servers as [TestServer, TestServer];
    return { client, connector, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
  },
  "one origin without shortcuts": async (overrides) => {
    const shortcuts = { connectorTransportShortcut: false, serverTransportShortcut: false };
    const cluster = await startCluster(broker!, { count: 1, ...shortcuts, ...overrides });
    const [server] = cluster.servers as [TestServer];
    return { client: server, connector: server, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
  },
  "one origin that answers itself directly": async (overrides) => {
    const cluster = await startCluster(broker!, { count: 1, connectorTransportShortcut: false, ...overrides });
    const [server] = cluster.servers as [TestServer];
    return { client: server, connector: server, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
  },
  "one process without a broker and without shortcuts": async (overrides) => {
    const shortcuts = { connectorTransportShortcut: false, serverTransportShortcut: false };
    const server = await startServer({ ...shortcuts, ...overrides });
    return { client: server, connector: server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
};

/** Registers a test for every way. */
function testWays(name: string, run: (way: Way) => Promise<void>, overrides?: ServerOverrides): void {
  for (const [label, start] of Object.entries(WAYS)) {
    Deno.test({
      name: rabbitmq.label(`${label}: ${name}`),
      ignore: rabbitmq.isSkipped,
      async fn() {
        await using way = await start(overrides);
        await run(way);
      },
    });
  }
}

/** A tenant with a connector that both sides of a way know of. */
async function connect(
  { client, connector }: Way,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<{ readonly tenant: TestTenant } & AsyncDisposable> {
  const tenant = await client.database.createTenant();
  const app = await startConnector(connector, tenant, { targets: { app: handler, ping: { type: "ping" } } });
  await answers(client, tenant, { path: "ping", status: 200 });
  return { tenant, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

testWays("small requests and answers pass as they are", async (way) => {
  await using site = await connect(way, async (request) => {
    const { pathname, search } = new URL(request.url);
    return new Response(`${request.method} ${pathname}${search} ${await request.text()}`, {
      status: 201,
      headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]],
    });
  });
  const response = await way.client.relay(site.tenant, "app/a%2Fb?x=%20", { method: "PUT", body: "hello" });
  assert.equal(`${response.status} ${await response.text()}`, "201 PUT /a%2Fb?x=%20 hello");
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
});

testWays("large bodies of known and unknown length stream in both directions", async (way) => {
  await using site = await connect(way, async (request) => {
    if (request.method === "POST") return new Response(await digest(request.body));
    const headers = new URL(request.url).search === "" ? undefined : { "content-length": String(20 * MIB) };
    return new Response(bodyOf(20 * MIB), headers === undefined ? {} : { headers });
  });
  const expected = await digestOf(20 * MIB);
  for (const isLengthKnown of [true, false]) {
    const path = `/relay/${site.tenant.name}/app`;
    const { status, body } = await upload(way.client, path, { sizeBytes: 20 * MIB, isLengthKnown });
    assert.equal(`${status} ${new TextDecoder().decode(body)}`, `200 ${expected}`);
    const response = await way.client.relay(site.tenant, isLengthKnown ? "app?length" : "app");
    assert.equal(await digest(response.body), expected);
  }
});

testWays("a reader that stands still holds its target back", async (way) => {
  let madeBytes = 0;
  await using site = await connect(way, () => new Response(bodyOf(200 * MIB, (bytes) => madeBytes = bytes)));
  const stop = new AbortController();
  const response = await way.client.relay(site.tenant, "app", { signal: stop.signal });
  const held = await settled(() => madeBytes);
  assert.ok(held < 64 * MIB, `${held} bytes are on the way`);
  stop.abort();
  await response.body?.cancel().catch(() => {});
});

testWays("the target's call ends when the client leaves", async (way) => {
  const called = Promise.withResolvers<Request>();
  const gate = new Gate();
  await using site = await connect(way, async (request) => {
    called.resolve(request);
    await gate.pass();
    return new Response();
  });
  using client = await connectTcp(way.client.port);
  await client.send(`GET /relay/${site.tenant.name}/app HTTP/1.1\r\nHost: x\r\n\r\n`);
  const { signal } = await called.promise;
  const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  client.close();
  await within(aborted, { timeoutMs: 5000, what: "the call's end" });
  gate.open();
});

testWays("an answer that breaks off never looks complete", async (way) => {
  await using site = await connect(way, () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(100_000)),
      pull: () => Promise.reject(new Error("The target broke")),
    });
    return new Response(body);
  });
  const response = await way.client.relay(site.tenant, "app");
  await assert.rejects(digest(response.body));
});

testWays("requests beyond a connector's room wait for it", async (way) => {
  let running = 0;
  let most = 0;
  const gate = new Gate();
  const tenant = await way.client.database.createTenant({ maximumConcurrentConnectorRequests: 2 });
  await using _connector = await startConnector(way.connector, tenant, {
    targets: {
      ping: { type: "ping" },
      app: async () => {
        most = Math.max(most, ++running);
        await gate.pass();
        running--;
        return new Response("done");
      },
    },
  });
  await answers(way.client, tenant, { path: "ping", status: 200 });
  await answers(way.connector, tenant, { path: "ping", status: 200 });
  // The limit is the connection's: requests of all origins count together.
  const origins = [way.client, way.connector];
  const responses = Array.from({ length: 12 }, (_, index) => origins[index % 2]!.relay(tenant, "app"));
  await gate.reached;
  gate.open();
  const texts = await Promise.all(responses.map(async (response) => (await response).text()));
  assert.deepEqual(texts, responses.map(() => "done"));
  assert.ok(most <= 2, `${most} requests ran at once`);
});

testWays("a WebSocket passes messages of every size both ways, and its close code", async (way) => {
  const closed = Promise.withResolvers<number>();
  await using application = await startSocketApplication((socket, request) => {
    echo(socket, request);
    socket.on("close", (code) => closed.resolve(code));
  }, { protocol: "two" });
  const tenant = await way.client.database.createTenant({ maximumConcurrentConnectorRequests: 2 });
  const targets = { app: application.url, ping: { type: "ping" } };
  await using _connector = await startConnector(way.connector, tenant, { targets });
  await answers(way.client, tenant, { path: "ping", status: 200 });
  await using client = await new SocketClient(`${way.client.url}/relay/${tenant.name}/app/`, ["one", "two"]).opened();
  assert.equal(client.socket.protocol, "two");
  const messages = ["", "ü€😀", new Uint8Array(0), "x".repeat(300_000), new Uint8Array(3 * MIB).fill(7)];
  for (const message of messages) client.socket.send(message);
  for (const message of messages) assert.deepEqual(await client.next(), message);
  client.socket.close(3999, "enough");
  assert.deepEqual(await client.ended(), [3999, "enough"]);
  assert.equal(await within(closed.promise, { timeoutMs: 5000, what: "the target's close" }), 3999);
});

testWays("a WebSocket ends on either side when the other is lost", async (way) => {
  const closed = Promise.withResolvers<number>();
  await using application = await startSocketApplication((socket) => {
    socket.on("message", () => socket.terminate());
    socket.on("close", (code) => closed.resolve(code));
  });
  const tenant = await way.client.database.createTenant();
  const targets = { app: application.url, ping: { type: "ping" } };
  await using _connector = await startConnector(way.connector, tenant, { targets });
  await answers(way.client, tenant, { path: "ping", status: 200 });
  const url = `${way.client.url}/relay/${tenant.name}/app/`;
  {
    await using client = await new SocketClient(url).opened();
    client.socket.terminate();
    assert.equal(await within(closed.promise, { timeoutMs: 5000, what: "the target's close" }), 1001);
  }
  await using client = await new SocketClient(url).opened();
  client.socket.send("vanish");
  assert.deepEqual(await client.ended(), [1011, "target_unreachable"]);
});

testWays("a tenant that is connected nowhere is answered at once", async (way) => {
  const tenant = await way.client.database.createTenant();
  const response = await way.client.relay(tenant, "app");
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("relayserver-error"), "connector_unavailable");
  await response.body?.cancel();
});

testWays("tracing names both servers and the connector", async (way) => {
  await using site = await connect(way, () => new Response("ok"));
  const response = await fetch(`${way.client.url}/trace/${site.tenant.name}/app`);
  assert.equal(await response.text(), "ok");
  assert.equal(response.headers.get("relayserver-connector-machinename"), Deno.hostname());
});

testWays("a connector that leaves is forgotten everywhere", async (way) => {
  const tenant = await way.client.database.createTenant();
  {
    await using _connector = await startConnector(way.connector, tenant, { targets: { ping: { type: "ping" } } });
    await answers(way.client, tenant, { path: "ping", status: 200 });
  }
  await answers(way.client, tenant, { path: "ping", status: 503 });
}, { connectionGrace: "10ms" });

/** Two servers that look for changes of others so seldom that a test only sees what they are told. */
async function startPair(
  overrides: ServerOverrides = {},
): Promise<TestCluster & { readonly pair: [TestServer, TestServer] }> {
  const cluster = await startCluster(broker!, { tenantInfoCacheDuration: "1h", ...overrides });
  const pair = cluster.servers as [TestServer, TestServer];
  return { ...cluster, pair };
}

function testPair(name: string, run: (pair: [TestServer, TestServer]) => Promise<void>): void {
  Deno.test({
    name: rabbitmq.label(name),
    ignore: rabbitmq.isSkipped,
    async fn() {
      await using cluster = await startPair();
      await run(cluster.pair);
    },
  });
}

/** Calls the management API of a server. */
async function manage(
  server: TestServer,
  { method, path, key, body }: {
    readonly method: string;
    readonly path: string;
    readonly key: string;
    readonly body?: unknown;
  },
): Promise<Response> {
  const headers = { "Api-Key": key, "Content-Type": "application/json" };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return await fetch(`${server.managementUrl}/management/${path}`, { method, headers, ...sent });
}

testPair("a change made at one server takes effect at the other at once", async ([one, other]) => {
  const tenant = await one.database.createTenant();
  const key = await one.database.addApiKey("admin");
  await using _connector = await startConnector(other, tenant, { targets: { ping: { type: "ping" } } });
  await answers(one, tenant, { path: "ping", status: 200 });
  const path = `tenants/${tenant.name}`;
  const known = await (await manage(one, { method: "GET", path, key })).json();
  const changed = await manage(one, { method: "PUT", path, key, body: { name: tenant.name, enabled: false } });
  assert.equal(changed.status, 200, `${JSON.stringify(known)} ${await changed.text()}`);
  await other.disconnected(tenant);
  await answers(other, tenant, { path: "ping", status: 403 });
});

testPair("a secret removed at one server ends connections at the other", async ([one, other]) => {
  const tenant = await one.database.createTenant();
  const key = await one.database.addApiKey("admin");
  await using _connector = await startConnector(other, tenant, { targets: { ping: { type: "ping" } } });
  await answers(one, tenant, { path: "ping", status: 200 });
  const secrets = await one.database.listSecrets(tenant.id);
  const { id } = secrets.find(({ use }) => use === "connector")!;
  const removed = await manage(one, { method: "DELETE", path: `tenants/${tenant.name}/secrets/${id}`, key });
  assert.equal(removed.status, 204);
  await other.disconnected(tenant);
});

/** Waits until a server has heard of a tenant's connections: a request may have come through before. */
async function shows(
  server: TestServer,
  { path, key, connections }: { readonly path: string; readonly key: string; readonly connections: number },
): Promise<void> {
  const read = async () => (await (await manage(server, { method: "GET", path, key })).json()).connections;
  await polled(read, { until: (shown) => shown === connections, what: `${path} to show ${connections} connections` });
}

testPair("every server lists the connections of all, and ends them", async ([one, other]) => {
  const tenant = await one.database.createTenant();
  const key = await one.database.addApiKey("admin");
  await using _connector = await startConnector(other, tenant, { targets: { ping: { type: "ping" } } });
  await answers(one, tenant, { path: "ping", status: 200 });
  const path = `tenants/${tenant.name}/connections`;
  const { results } = await (await manage(one, { method: "GET", path, key })).json();
  assert.equal(results.length, 1);
  await shows(one, { path: `tenants/${tenant.name}`, key, connections: 1 });
  const ended = await manage(one, { method: "DELETE", path: `${path}/${results[0].id}`, key });
  assert.equal(ended.status, 204, await ended.text());
  await other.disconnected(tenant);
});

for (const acknowledgeMode of ["connectorReceived", "connectorFinished"] as const) {
  Deno.test({
    name: rabbitmq.label(
      `a tenant that was connected at another server a moment ago is waited for in mode ${acknowledgeMode}`,
    ),
    ignore: rabbitmq.isSkipped,
    async fn() {
      await using cluster = await startPair({ connectionGrace: "10s", acknowledgeMode });
      const [one, other] = cluster.pair;
      const tenant = await one.database.createTenant();
      const key = await one.database.addApiKey("admin");
      const targets = { ping: { type: "ping" } };
      {
        await using _connector = await startConnector(other, tenant, { targets });
        await answers(one, tenant, { path: "ping", status: 200 });
      }
      await shows(one, { path: `tenants/${tenant.name}`, key, connections: 0 });
      const waiting = one.relay(tenant, "ping");
      await using _connector = await startConnector(other, tenant, { targets });
      const response = await waiting;
      await response.body?.cancel();
      assert.equal(response.status, 200);
    },
  });
}
