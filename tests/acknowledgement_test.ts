/** Acknowledge modes: what is delivered again, how often, how it is marked, and when it is over. */

import assert from "node:assert/strict";
import { PROBE_KEY_PREFIX } from "../server/body_store/mod.ts";
import { StoredRequestRepository } from "../server/persistence/mod.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { polled } from "./testkit/polled.ts";
import { RawConnector } from "./testkit/raw_connector.ts";
import { FrameType } from "../shared/protocol/frame.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";

/** Resolves when nothing is stored any more. */
async function nothingStored(server: TestServer): Promise<void> {
  const stored = new StoredRequestRepository(server.database.handle);
  const what = "the table of stored requests to be empty";
  await polled(() => stored.totals(), { until: ({ queued, dead }) => queued + dead === 0, what });
}

/** Resolves when so many dead letters are there. */
async function deadLetters(server: TestServer, tenantId: string, count: number) {
  const stored = new StoredRequestRepository(server.database.handle);
  const list = async () => (await stored.list(tenantId, { states: ["dead"], skip: 0, take: 100 })).results;
  const until = (letters: readonly unknown[]) => letters.length >= count;
  return await polled(list, { until, what: `${count} dead letters`, timeoutMs: 30_000 });
}

Deno.test("connectorFinished settles when the target has answered, whatever the status", async () => {
  await using site = await startSite({ app: () => new Response("no", { status: 500 }) }, {
    acknowledgeMode: "connectorFinished",
  });
  const response = await site.server.relay(site.tenant, "app/x", { method: "POST", body: "hello" });
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "no");
  await nothingStored(site.server);
});

Deno.test("connectorFinished delivers again, marked, when the connector is lost before the answer", async () => {
  await using server = await startServer({ acknowledgeMode: "connectorFinished" });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  const first = await RawConnector.connect(server.url, { token });
  const answer = server.relay(tenant, "app/x?y=1", { method: "POST", body: "hello" });
  const delivered = await first.next(FrameType.request);
  assert.equal(headerOf(delivered.json, "RelayServer-Redelivered"), undefined);
  first.acknowledge(delivered.id);
  first.terminate();
  using second = await RawConnector.connect(server.url, { token });
  const again = await second.next(FrameType.request);
  assert.equal(headerOf(again.json, "RelayServer-Redelivered"), "1");
  assert.equal(headerOf(again.json, "RelayServer-RequestId"), headerOf(delivered.json, "RelayServer-RequestId"));
  assert.equal(new TextDecoder().decode(again.payload), "hello");
  second.respond(again.id, "done");
  assert.equal(await (await answer).text(), "done");
  await nothingStored(server);
});

Deno.test("connectorReceived does not deliver again what the connector had", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  const first = await RawConnector.connect(server.url, { token });
  const answer = server.relay(tenant, "app/x", { method: "POST", body: "hello" });
  const delivered = await first.next(FrameType.request);
  first.acknowledge(delivered.id);
  first.terminate();
  const response = await answer;
  assert.equal(response.status, 502);
  assert.equal(response.headers.get("RelayServer-Error"), "connector_lost");
  await response.body?.cancel();
});

Deno.test("disabled does not deliver again what was handed over, acknowledged or not", async () => {
  await using server = await startServer({ acknowledgeMode: "disabled" });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  const first = await RawConnector.connect(server.url, { token });
  const answer = server.relay(tenant, "app/x", { method: "POST", body: "hello" });
  const delivered = await first.next(FrameType.request);
  assert.equal(delivered.json["acknowledge"], undefined);
  first.terminate();
  const response = await answer;
  assert.equal(response.headers.get("RelayServer-Error"), "connector_lost");
  await response.body?.cancel();
});

Deno.test("a request that ends every connection becomes a dead letter, and its client hears of it", async () => {
  await using server = await startServer({ redeliveryLimit: 1, reconnectMaximumDelay: "1ms" });
  const tenant = await server.database.createTenant({ acknowledgeMode: "connectorFinished" });
  const token = await server.token(tenant, "connector");
  const answer = (async () => {
    const first = await RawConnector.connect(server.url, { token });
    const response = server.relay(tenant, "app/poison", { method: "POST", body: "hello" });
    await first.next(FrameType.request);
    first.terminate();
    const second = await RawConnector.connect(server.url, { token });
    await second.next(FrameType.request);
    second.terminate();
    return await response;
  })();
  const response = await answer;
  assert.equal(response.headers.get("RelayServer-Error"), "connector_lost");
  await response.body?.cancel();
  const [dead] = await deadLetters(server, tenant.id, 1);
  assert.equal(dead?.reason, "redelivery_limit");
  assert.equal(dead?.attempts, 2);
  assert.match(dead?.lastError ?? "", /^connector_lost: /);
});

Deno.test("the client is told at once when nobody is connected, and nothing stays behind", async () => {
  await using server = await startServer({ acknowledgeMode: "manual" });
  const tenant = await server.database.createTenant();
  const response = await server.relay(tenant, "app/x");
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("RelayServer-Error"), "connector_unavailable");
  await response.body?.cancel();
  await nothingStored(server);
});

Deno.test("a client that leaves does not take its unsettled request along", async () => {
  await using server = await startServer({ acknowledgeMode: "connectorFinished" });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  using connector = await RawConnector.connect(server.url, { token });
  const leaving = new AbortController();
  const answer = server.relay(tenant, "app/x", { method: "POST", body: "hello", signal: leaving.signal });
  const delivered = await connector.next(FrameType.request);
  leaving.abort();
  await assert.rejects(answer);
  await server.handled();
  assert.equal(connector.count(FrameType.cancel), 0);
  connector.respond(delivered.id, "done");
  await nothingStored(server);
});

Deno.test("a client that leaves takes nothing along that nobody has got yet", async () => {
  const reached = Promise.withResolvers<string>();
  await using server = await startServer({ acknowledgeMode: "connectorFinished", requireActiveConnection: false });
  const tenant = await server.database.createTenant();
  const leaving = new AbortController();
  const answer = server.relay(tenant, "app/x", { method: "POST", body: "hello", signal: leaving.signal });
  const stored = new StoredRequestRepository(server.database.handle);
  await polled(() => stored.totals(), { until: ({ queued }) => queued > 0, what: "the stored request" });
  leaving.abort();
  await assert.rejects(answer);
  await using _connector = await startConnector(server, tenant, {
    targets: {
      app: async (request) => {
        reached.resolve(await request.text());
        return new Response();
      },
    },
  });
  assert.equal(await within(reached.promise, { timeoutMs: 15_000, what: "the request" }), "hello");
  await nothingStored(server);
});

Deno.test("an unknown target is told at once: another delivery would not change it", async () => {
  await using site = await startSite({ app: () => new Response() }, { acknowledgeMode: "connectorFinished" });
  const response = await site.server.relay(site.tenant, "other/x");
  assert.equal(response.headers.get("RelayServer-Error"), "target_unknown");
  await response.body?.cancel();
  await nothingStored(site.server);
});

Deno.test("maximumConcurrentConnectorRequests raises the mode to connectorFinished", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ maximumConcurrentConnectorRequests: 3 });
  const token = await server.token(tenant, "connector");
  using connector = await RawConnector.connect(server.url, { token });
  const answer = server.relay(tenant, "app/x");
  const delivered = await connector.next(FrameType.request);
  const stored = await new StoredRequestRepository(server.database.handle).totals();
  assert.equal(stored.queued, 1);
  connector.respond(delivered.id, "done");
  assert.equal(await (await answer).text(), "done");
  await nothingStored(server);
});

Deno.test("an interceptor sets the mode of a request", async () => {
  const interceptor = {
    name: "careful",
    interceptRequest: ({ path }: { path: string }) =>
      path === "/careful" ? { acknowledgeMode: "connectorFinished" as const } : undefined,
  };
  await using server = await startServer({}, { interceptors: [interceptor] });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  using connector = await RawConnector.connect(server.url, { token });
  const stored = new StoredRequestRepository(server.database.handle);
  for (const [path, queued] of [["app/plain", 0], ["app/careful", 1]] as const) {
    const answer = server.relay(tenant, path);
    const { id } = await connector.next(FrameType.request);
    assert.equal((await stored.totals()).queued, queued, path);
    connector.respond(id, "done");
    await (await answer).text();
  }
  await nothingStored(server);
});

Deno.test("manual settles when the target calls its URL, once, whoever it asks", async () => {
  const urls: string[] = [];
  await using site = await startSite({
    app: (request) => {
      urls.push(request.headers.get("RelayServer-AcknowledgeUrl") ?? "");
      return new Response("working on it");
    },
  }, { acknowledgeMode: "manual" });
  const response = await site.server.relay(site.tenant, "app/x", { method: "POST", body: "hello" });
  assert.equal(await response.text(), "working on it");
  const [url = ""] = urls;
  assert.ok(url.startsWith(`${site.server.url}/acknowledge/`), url);
  const call = async (address: string, method = "POST") => {
    const { status, body } = await fetch(address, { method });
    await body?.cancel();
    return status;
  };
  assert.equal(await call(url.replace(/\?.*/, "")), 403);
  const other = crypto.randomUUID();
  assert.equal(await call(url.replace(/\/[^/]+\?/, `/${other}?`)), 403);
  assert.equal(await call(url.slice(0, -2) + (url.endsWith("AA") ? "BB" : "AA")), 403);
  assert.equal(await call(url, "GET"), 404);
  // The origin in the address is a hint only.
  assert.equal(await call(url.replace(/acknowledge\/[^/]+/, `acknowledge/${other}`)), 204);
  assert.equal(await call(url), 410);
  await nothingStored(site.server);
  assert.equal(urls.length, 1);
});

Deno.test("manual takes an acknowledgement after a restart of the server that gave the URL, and the body goes with the request", async () => {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  const settings = { dataDirectory: folder, acknowledgeMode: "manual" } as const;
  try {
    const urls: string[] = [];
    let isFirst = true;
    const app = (request: Request) => {
      urls.push(request.headers.get("RelayServer-AcknowledgeUrl") ?? "");
      return new Response();
    };
    const bodies = async () =>
      (await Array.fromAsync(Deno.readDir(`${folder}/bodies`))).map(({ name }) => name)
        .filter((name) => !name.startsWith(PROBE_KEY_PREFIX));
    for (const _start of ["first", "second"]) {
      await using server = await startServer(settings);
      if (isFirst) {
        const tenant = await server.database.createTenant();
        await using _connector = await startConnector(server, tenant, { targets: { app } });
        const body = "x".repeat(100_000);
        const response = await server.relay(tenant, "app/x", { method: "POST", body });
        assert.equal(response.status, 200);
        await response.body?.cancel();
        assert.equal((await bodies()).length, 2);
        isFirst = false;
        continue;
      }
      const { pathname, search } = new URL(urls[0] ?? "");
      assert.equal((await fetch(server.url + pathname + search, { method: "POST" })).status, 204);
      await nothingStored(server);
    }
    assert.deepEqual(await bodies(), ["body-store"]);
    assert.equal(urls.length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("manual delivers again what was not acknowledged in time, and then gives it up", async () => {
  const marks: (string | null)[] = [];
  await using site = await startSite({
    app: (request) => {
      marks.push(request.headers.get("RelayServer-Redelivered"));
      return new Response();
    },
  }, { acknowledgeMode: "manual", acknowledgeTimeout: "300ms", redeliveryLimit: 2 });
  const { status, body } = await site.server.relay(site.tenant, "app/x");
  await body?.cancel();
  assert.equal(status, 200);
  const [dead] = await deadLetters(site.server, site.tenant.id, 1);
  assert.equal(dead?.reason, "redelivery_limit");
  assert.deepEqual(marks, [null, "1", "2"]);
});

Deno.test("manual takes an acknowledgement that comes before the answer, and a lost connector changes nothing then", async () => {
  await using server = await startServer({ acknowledgeMode: "manual" });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  const connector = await RawConnector.connect(server.url, { token });
  const answer = server.relay(tenant, "app/x");
  const { json } = await connector.next(FrameType.request);
  const { status } = await fetch(headerOf(json, "RelayServer-AcknowledgeUrl") ?? "", { method: "POST" });
  assert.equal(status, 204);
  connector.terminate();
  const response = await answer;
  assert.equal(response.headers.get("RelayServer-Error"), "connector_lost");
  await response.body?.cancel();
  using second = await RawConnector.connect(server.url, { token });
  await nothingStored(server);
  await server.handled();
  assert.equal(second.count(FrameType.request), 0);
});

Deno.test("a server that stops tells clients whose requests wait for another delivery, and leaves those to others", async () => {
  await using server = await startServer({ acknowledgeMode: "connectorFinished" });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  const connector = await RawConnector.connect(server.url, { token });
  const answer = server.relay(tenant, "app/x", { method: "POST", body: "hello" });
  await connector.next(FrameType.request);
  connector.terminate();
  await server.disconnected(tenant);
  const stored = new StoredRequestRepository(server.database.handle);
  while ((await stored.list(tenant.id, { states: ["delivering"], skip: 0, take: 1 })).results[0]?.attempts !== 2) {
    await server.handled();
  }
  await server.relayServer[Symbol.asyncDispose]();
  const response = await answer;
  assert.equal(response.headers.get("RelayServer-Error"), "draining");
  await response.body?.cancel();
  const { results } = await stored.list(tenant.id, { states: ["waiting"], skip: 0, take: 9 });
  assert.deepEqual(results.map(({ attempts, holder }) => [attempts, holder]), [[1, null]]);
});

/** A header of a delivered request. */
function headerOf(head: Record<string, unknown>, name: string): string | undefined {
  return (head["headers"] as [string, string][]).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
