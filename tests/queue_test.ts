/** `/queue`: safely stored, delivered when a connector is there, in order, across restarts. */

import assert from "node:assert/strict";
import { StoredRequestRepository } from "../server/persistence/mod.ts";
import { startCluster } from "./testkit/cluster.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { polled } from "./testkit/polled.ts";
import { requireRabbitMq, shareBroker } from "./testkit/rabbitmq.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const rabbitMq = await requireRabbitMq();
const broker = await shareBroker(rabbitMq);

async function enqueue(server: TestServer, tenant: TestTenant, path: string, init: RequestInit = {}) {
  const response = await fetch(`${server.url}/queue/${tenant.name}/${path}`, { method: "POST", ...init });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: JSON.parse(text) };
}

/** A target that keeps what it got until there is enough of it. */
class Collector {
  readonly got: { readonly text: string; readonly headers: Headers; readonly url: string }[] = [];
  readonly #enough = Promise.withResolvers<void>();
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  readonly handle = async (request: Request): Promise<Response> => {
    const { headers, url } = request;
    this.got.push({ text: await request.text(), headers, url });
    if (this.got.length >= this.#count) this.#enough.resolve();
    return new Response("nobody reads this");
  };

  async enough(): Promise<void> {
    await within(this.#enough.promise, { timeoutMs: 30_000, what: `${this.#count} requests` });
  }
}

async function empty(server: TestServer): Promise<void> {
  const stored = new StoredRequestRepository(server.database.handle);
  await polled(() => stored.totals(), { until: ({ queued }) => queued === 0, what: "an empty queue" });
}

Deno.test("a request for a tenant that a command has removed a moment ago is refused, as one that nobody knows", async () => {
  await using server = await startServer({ tenantInfoCacheDuration: "1h" });
  const tenant = await server.database.createTenant();
  assert.equal((await enqueue(server, tenant, "app/1")).status, 202);
  await server.database.handle.deleteFrom("tenants").where("name", "=", tenant.name).execute();
  const { status, headers } = await enqueue(server, tenant, "app/2");
  assert.deepEqual([status, headers.get("RelayServer-Error")], [404, "tenant_unknown"]);
});

Deno.test("a queued request is accepted without a connector, and delivered when there is one", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const { status, headers, json } = await enqueue(server, tenant, "app/a%2Fb?c=d", {
    body: "hello",
    headers: { "X-Mine": "1", "RelayServer-Redelivered": "9" },
  });
  assert.equal(status, 202);
  assert.equal(json.requestId, headers.get("RelayServer-RequestId"));
  const collector = new Collector(1);
  await using _connector = await startConnector(server, tenant, { targets: { app: collector.handle } });
  await collector.enough();
  const [got] = collector.got;
  assert.equal(got?.text, "hello");
  assert.ok(got?.url.endsWith("/a%2Fb?c=d"), got?.url);
  assert.equal(got?.headers.get("X-Mine"), "1");
  assert.equal(got?.headers.get("RelayServer-RequestId"), json.requestId);
  assert.equal(got?.headers.get("RelayServer-Redelivered"), null);
  await empty(server);
});

Deno.test("queued requests reach a tenant's connection in their order when it takes one at a time", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ maximumConcurrentConnectorRequests: 1 });
  for (let number = 0; number < 20; number++) await enqueue(server, tenant, "app", { body: `${number}` });
  const collector = new Collector(20);
  await using _connector = await startConnector(server, tenant, { targets: { app: collector.handle } });
  await collector.enough();
  assert.deepEqual(collector.got.map(({ text }) => text), Array.from({ length: 20 }, (_, number) => `${number}`));
  await empty(server);
});

Deno.test("a large queued body waits in the body store, and is gone when it was delivered", async () => {
  await using server = await startServer({ inlineBodyLimit: "1KiB" });
  const tenant = await server.database.createTenant();
  const body = "0123456789".repeat(100_000);
  assert.equal((await enqueue(server, tenant, "app", { body })).status, 202);
  const collector = new Collector(1);
  await using _connector = await startConnector(server, tenant, { targets: { app: collector.handle } });
  await collector.enough();
  assert.equal(collector.got[0]?.text, body);
  await empty(server);
});

Deno.test("a tenant's queue has a bound in requests, and one in bytes", async () => {
  await using server = await startServer({ limits: { queuedRequestsPerTenant: 2, queuedBytesPerTenant: "100" } });
  const [tenant, other] = [await server.database.createTenant(), await server.database.createTenant()];
  assert.equal((await enqueue(server, tenant, "app")).status, 202);
  assert.equal((await enqueue(server, tenant, "app")).status, 202);
  const refused = await enqueue(server, tenant, "app");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("RelayServer-Error"), "queue_full");
  assert.ok(Number(refused.headers.get("Retry-After")) > 0);
  assert.equal((await enqueue(server, other, "app", { body: "x".repeat(80) })).status, 202);
  assert.equal((await enqueue(server, other, "app", { body: "x".repeat(80) })).status, 503);
});

Deno.test("policy and authentication hold for the queue as for the relay", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ requireAuthentication: true });
  assert.equal((await enqueue(server, tenant, "app")).status, 401);
  const authorization = `Bearer ${await server.token(tenant, "client")}`;
  assert.equal((await enqueue(server, tenant, "app", { headers: { authorization } })).status, 202);
  const closed = await server.database.createTenant({ enabled: false });
  assert.equal((await enqueue(server, closed, "app")).json.code, "tenant_disabled");
});

Deno.test("what was queued is a dead letter when nobody came for it in time", async () => {
  await using server = await startServer({ queueExpiration: "1s", keepAliveInterval: "300ms" });
  const tenant = await server.database.createTenant();
  const { json } = await enqueue(server, tenant, "app");
  const stored = new StoredRequestRepository(server.database.handle);
  const find = () => stored.find(tenant.id, { id: json.requestId, states: ["dead"] });
  const dead = await polled(find, { until: (found) => found !== undefined, what: "a dead letter" });
  assert.equal(dead?.reason, "expired");
});

Deno.test("what was queued for a target that the connector does not have is a dead letter, in the default mode too", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: () => new Response() } });
  const { json } = await enqueue(server, tenant, "misspelt", { body: "hello" });
  const stored = new StoredRequestRepository(server.database.handle);
  const find = () => stored.find(tenant.id, { id: json.requestId, states: ["dead"] });
  const dead = await polled(find, { until: (found) => found !== undefined, what: "a dead letter" });
  assert.equal(dead?.reason, "refused");
});

Deno.test("what a server accepted is delivered by the next one on its database", async () => {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  try {
    const collector = new Collector(3);
    let tenant: TestTenant;
    {
      await using server = await startServer({ dataDirectory: folder });
      tenant = await server.database.createTenant();
      for (const body of ["1", "2", "3"]) await enqueue(server, tenant, "app", { body });
    }
    await using server = await startServer({ dataDirectory: folder });
    await using _connector = await startConnector(server, tenant, { targets: { app: collector.handle } });
    await collector.enough();
    assert.deepEqual(collector.got.map(({ text }) => text).sort(), ["1", "2", "3"]);
    await empty(server);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: rabbitMq.label("what one origin queued is delivered by the one with the connector, soon"),
  ignore: rabbitMq.isSkipped,
  fn: async () => {
    await using cluster = await startCluster(broker!);
    const [first, second] = cluster.servers as [TestServer, TestServer];
    const tenant = await first.database.createTenant();
    const collector = new Collector(50);
    await using _connector = await startConnector(second, tenant, { targets: { app: collector.handle } });
    for (let number = 0; number < 50; number++) await enqueue(first, tenant, "app", { body: `${number}` });
    await collector.enough();
    assert.equal(new Set(collector.got.map(({ text }) => text)).size, 50);
    await empty(first);
  },
});

Deno.test({
  name: rabbitMq.label("what one origin stored counts at another one too, and its target may acknowledge there"),
  ignore: rabbitMq.isSkipped,
  fn: async () => {
    const limits = { queuedRequestsPerTenant: 2 };
    await using cluster = await startCluster(broker!, { limits, acknowledgeMode: "manual" });
    const [first, second] = cluster.servers as [TestServer, TestServer];
    const tenant = await first.database.createTenant();
    for (const _ of [1, 2]) assert.equal((await enqueue(first, tenant, "app")).status, 202);
    const refused = await enqueue(second, tenant, "app");
    assert.equal(refused.headers.get("RelayServer-Error"), "queue_full");
    const collector = new Collector(2);
    await using _connector = await startConnector(first, tenant, { targets: { app: collector.handle } });
    await collector.enough();
    for (const { headers } of collector.got) {
      const { pathname, search } = new URL(headers.get("RelayServer-AcknowledgeUrl") ?? "");
      const call = async () => (await fetch(second.url + pathname + search, { method: "POST" })).status;
      assert.deepEqual([await call(), await call()], [204, 410]);
    }
    await empty(first);
  },
});

Deno.test({
  name: rabbitMq.label(
    "a server takes no more of a queue than connections have room for, also when requests go there by the broker",
  ),
  ignore: rabbitMq.isSkipped,
  fn: async () => {
    await using cluster = await startCluster(broker!, { count: 1, connectorTransportShortcut: false });
    const [server] = cluster.servers as [TestServer];
    const tenant = await server.database.createTenant({ maximumConcurrentConnectorRequests: 1 });
    for (let number = 0; number < 40; number++) await enqueue(server, tenant, "app");
    const stored = new StoredRequestRepository(server.database.handle);
    const collector = new Collector(40);
    const begun = new Set<string | null>();
    let mostHeld = 0;
    const app = async (request: Request) => {
      begun.add(request.headers.get("RelayServer-RequestId"));
      const { results } = await stored.list(tenant.id, { states: ["delivering"], skip: 0, take: 40 });
      // Those that are settled are removed a moment later.
      mostHeld = Math.max(mostHeld, results.filter(({ id }) => !begun.has(id)).length);
      return await collector.handle(request);
    };
    await using _connector = await startConnector(server, tenant, { targets: { app } });
    await collector.enough();
    assert.equal(mostHeld, 0);
    await empty(server);
  },
});
