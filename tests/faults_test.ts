import assert from "node:assert/strict";
import { RawServer } from "../connector/targets/testkit.ts";
import { FrameType } from "../shared/protocol/frame.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { DataFolder, startConnectorProcess, startServerProcess } from "./testkit/programs.ts";
import { RawConnector } from "./testkit/raw_connector.ts";
import { startServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";
import { closedPort, Gate, startTarget } from "./testkit/target.ts";
import { connectTcp } from "./testkit/tcp.ts";

const LOST = { status: 502, code: "connector_lost" };
const UNAVAILABLE = { status: 503, code: "connector_unavailable" };

Deno.test("a target that refuses, resets, ends or garbles is 502, one that hangs is 504", async () => {
  await using resetting = await RawServer.start(async (connection) => {
    await connection.head();
    connection.socket.resetAndDestroy();
  });
  await using ending = await RawServer.start(async (connection) => {
    await connection.head();
    connection.socket.end();
  });
  await using garbling = await RawServer.start(async (connection) => {
    await connection.head();
    connection.socket.end("nonsense\r\n\r\n");
  });
  await using hanging = await RawServer.start(() => {});
  await using site = await startSite({
    refusing: `http://127.0.0.1:${closedPort()}`,
    resetting: resetting.url,
    ending: ending.url,
    garbling: garbling.url,
    hanging: { url: hanging.url, timeout: "200ms" },
    throwing: () => {
      throw new Error("hidden");
    },
    wrong: () => Response.error(),
  });
  const expected = {
    refusing: { status: 502, code: "target_unreachable" },
    resetting: { status: 502, code: "target_unreachable" },
    ending: { status: 502, code: "target_unreachable" },
    garbling: { status: 502, code: "target_invalid_response" },
    hanging: { status: 504, code: "target_timeout" },
    throwing: { status: 502, code: "target_unreachable" },
    wrong: { status: 502, code: "target_invalid_response" },
  };
  for (const [name, problem] of Object.entries(expected)) {
    for (const method of ["GET", "POST"]) {
      const response = await site.server.relay(site.tenant, `${name}/hidden`, { method });
      await assertProblem(response, { ...problem, notEchoed: ["hidden", "127.0.0.1"] });
    }
  }
});

Deno.test("a request whose time is over is 504, and the target's call ends", async () => {
  await using target = await RawServer.start(() => {});
  await using site = await startSite({ web: target.url }, { requestExpiration: "300ms" });
  await assertProblem(await site.server.relay(site.tenant, "web"), { status: 504, code: "request_expired" });
  await within(target.connections[0]!.closed, { timeoutMs: 5000, what: "the call's end" });
});

Deno.test("a tenant that was never connected is 503 at once", async () => {
  await using server = await startServer({ connectionGrace: "30s" });
  const tenant = await server.database.createTenant();
  const startedAtMs = performance.now();
  await assertProblem(await server.relay(tenant, "app"), UNAVAILABLE);
  assert.ok(performance.now() - startedAtMs < 5000);
});

Deno.test("a tenant that was connected just now is waited for, and served when it comes back", async () => {
  await using server = await startServer({ connectionGrace: "30s" });
  const tenant = await server.database.createTenant();
  const options = { targets: { app: () => new Response("back") } };
  await (await startConnector(server, tenant, options))[Symbol.asyncDispose]();
  await server.disconnected(tenant);
  const response = server.relay(tenant, "app");
  await server.handled();
  await using _connector = await startConnector(server, tenant, options);
  await assertAnswer(await response, { text: "back" });
});

Deno.test("a tenant that does not come back within the grace is 503", async () => {
  await using server = await startServer({ connectionGrace: "300ms" });
  const tenant = await server.database.createTenant();
  await (await startConnector(server, tenant))[Symbol.asyncDispose]();
  await server.disconnected(tenant);
  const startedAtMs = performance.now();
  await assertProblem(await server.relay(tenant, "app"), UNAVAILABLE);
  assert.ok(performance.now() - startedAtMs >= 290);
});

Deno.test("without requireActiveConnection a request waits for its tenant's first connection, or expires", async () => {
  await using server = await startServer({ requireActiveConnection: false, requestExpiration: "3s" });
  const expiring = await server.database.createTenant();
  const impatient = await server.database.createTenant({ requireActiveConnection: true });
  const tenant = await server.database.createTenant();
  await assertProblem(await server.relay(impatient, "app"), UNAVAILABLE);
  const expired = server.relay(expiring, "app");
  const response = server.relay(tenant, "app", { method: "POST", body: "kept" });
  await server.handled();
  await using _connector = await startConnector(server, tenant, { targets: { app: { type: "echo" } } });
  await assertAnswer(await response, { text: "kept" });
  await assertProblem(await expired, { status: 504, code: "request_expired" });
});

Deno.test("with a capacity of one, requests wait for their turn and keep their order", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ maximumConcurrentConnectorRequests: 1 });
  using connector = await RawConnector.connect(server.url, { token: await server.token(tenant, "connector") });
  const responses: Promise<Response>[] = [];
  for (let index = 0; index < 6; index++) {
    responses.push(server.relay(tenant, `raw/${index}`));
    await server.handled();
  }
  for (const [index, response] of responses.entries()) {
    const request = await connector.next(FrameType.request);
    assert.equal(request.json.path, `/${index}`);
    assert.equal(connector.count(FrameType.request), 0, "a second request came before the first was answered");
    connector.respond(request.id, `answer ${index}`);
    await assertAnswer(await response, { text: `answer ${index}` });
  }
});

Deno.test("a request that was not acknowledged goes to another connector, with the same id", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  using first = await RawConnector.connect(server.url, { token });
  const response = server.relay(tenant, "raw/x?y", { method: "POST", body: "body" });
  const lost = await first.next(FrameType.request);
  using second = await RawConnector.connect(server.url, { token });
  first.terminate();
  const request = await second.next(FrameType.request);
  assert.deepEqual(
    [request.json.requestId, request.json.path, new TextDecoder().decode(request.payload)],
    [lost.json.requestId, "/x?y", "body"],
  );
  assert.notEqual(request.id, lost.id);
  second.respond(request.id, "second");
  await assertAnswer(await response, { text: "second" });
});

Deno.test("a request that was acknowledged fails with its connection, and goes nowhere else", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  using first = await RawConnector.connect(server.url, { token });
  const response = server.relay(tenant, "raw");
  const { id } = await first.next(FrameType.request);
  using second = await RawConnector.connect(server.url, { token });
  first.acknowledge(id);
  first.terminate();
  await assertProblem(await response, LOST);
  const next = server.relay(tenant, "raw");
  const request = await second.next(FrameType.request);
  assert.equal(second.count(FrameType.request), 0);
  second.respond(request.id, "second");
  await assertAnswer(await next, { text: "second" });
});

Deno.test("a request whose body streams fails with its connection: it cannot be sent again", async () => {
  await using server = await startServer({ inlineBodyLimit: "1KiB" });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  using first = await RawConnector.connect(server.url, { token });
  const response = server.relay(tenant, "raw", { method: "POST", body: new Uint8Array(100_000) });
  await first.next(FrameType.request);
  using second = await RawConnector.connect(server.url, { token });
  first.terminate();
  await assertProblem(await response, LOST);
  assert.equal(second.count(FrameType.request), 0);
});

Deno.test("a request that ends every connection it meets is given up", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  const connectors = await Promise.all(Array.from({ length: 8 }, () => RawConnector.connect(server.url, { token })));
  let deliveries = 0;
  connectors.forEach((connector) =>
    connector.next(FrameType.request).then(() => {
      deliveries++;
      connector.terminate();
    }).catch(() => {})
  );
  await assertProblem(await server.relay(tenant, "raw"), LOST);
  assert.equal(deliveries, 5);
  connectors.forEach((connector) => connector.terminate());
});

Deno.test("an answer whose connection is lost after the head breaks off", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  for (const length of [undefined, 1000]) {
    using connector = await RawConnector.connect(server.url, { token: await server.token(tenant, "connector") });
    using client = await connectTcp(server.port);
    await client.send(`GET /relay/${tenant.name}/raw HTTP/1.1\r\nHost: x\r\n\r\n`);
    connector.beginResponse((await connector.next(FrameType.request)).id, "begin", length);
    assert.equal((await client.readHead()).status, 200);
    connector.terminate();
    await assert.rejects(length === undefined ? readChunked(client) : client.readBytes(1000), /ended|reset/i);
  }
});

/** Reads to the end, which must not look like that of a complete chunked body. */
async function readChunked(client: { readToEnd(): Promise<Uint8Array> }): Promise<void> {
  const text = new TextDecoder().decode(await client.readToEnd());
  if (!text.endsWith("0\r\n\r\n")) throw new Error(`The body ended after ${JSON.stringify(text)}`);
}

Deno.test("a killed connector breaks the answer that flows, and fails the one that waits", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder, { connectionGrace: "0s" });
  const tenant = await folder.database.createTenant();
  await using target = await RawServer.start(async (connection) => {
    const head = await connection.head();
    if (head.includes("/flowing")) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin");
  });
  await using connector = await startConnectorProcess(server, tenant, { folder, targets: { web: target.url } });
  using client = await connectTcp(server.port);
  await client.send(`GET /relay/${tenant.name}/web/flowing HTTP/1.1\r\nHost: x\r\n\r\n`);
  assert.equal((await client.readHead()).status, 200);
  // It cannot be sent again, whether it was acknowledged or not.
  const waiting = server.relay(tenant, "web/waiting", { method: "POST", body: new Uint8Array(100_000) });
  while (target.connections.length < 2) await server.relay(tenant, "none").then((response) => response.body?.cancel());
  await connector.stop({ signal: "SIGKILL" });
  await assertProblem(await waiting, LOST);
  await assert.rejects(client.readBytes(1_000_000), /ended|reset/i);
  await assertProblem(await server.relay(tenant, "web"), UNAVAILABLE);
});

Deno.test("a frozen connector is found within a keep-alive interval, and its requests are answered", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder, { keepAliveInterval: "1s", connectionGrace: "0s" });
  const tenant = await folder.database.createTenant();
  const gate = new Gate();
  await using target = startTarget(async () => {
    await gate.pass();
    return new Response("late");
  });
  const options = { folder, targets: { web: target.url } };
  await using frozen = await startConnectorProcess(server, tenant, options);
  const accepted = server.relay(tenant, "web", { method: "POST", body: new Uint8Array(100_000) });
  await gate.reached;
  Deno.kill(frozen.pid, "SIGSTOP");
  const startedAtMs = performance.now();
  const unseen = server.relay(tenant, "web");
  try {
    await assertProblem(await accepted, LOST);
    await assertProblem(await unseen, UNAVAILABLE);
    const tookMs = performance.now() - startedAtMs;
    assert.ok(tookMs < 1600, `${tookMs} ms`);
  } finally {
    Deno.kill(frozen.pid, "SIGCONT");
    gate.open();
  }
  // Thawed, it finds its connection gone and makes another.
  await server.connected(2, { tenant });
  await assertAnswer(await server.relay(tenant, "web"), { text: "late" });
});

Deno.test("when one of two connectors dies under load, only what it had in hand may fail", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder);
  const tenant = await folder.database.createTenant();
  const inHand = new Set<string>();
  const enough = Promise.withResolvers<void>();
  await using doomedTarget = startTarget((request) => {
    inHand.add(new URL(request.url).pathname);
    if (inHand.size >= 4) enough.resolve();
    return new Promise<Response>(() => {});
  });
  const served = new Set<string>();
  await using target = startTarget((request) => {
    served.add(new URL(request.url).pathname);
    return new Response("fine");
  });
  await using doomed = await startConnectorProcess(server, tenant, { folder, targets: { web: doomedTarget.url } });
  await using _survivor = await startConnectorProcess(server, tenant, { folder, targets: { web: target.url } });
  const outcomes = new Map<string, string>();
  let isDead = false;
  const begunAfter = new Set<string>();
  const work = async (worker: number) => {
    for (let index = 0; index < 60; index++) {
      const path = `/${worker}-${index}`;
      if (isDead) begunAfter.add(path);
      const response = await server.relay(tenant, `web${path}`);
      outcomes.set(path, `${response.status} ${response.headers.get("relayserver-error")}`);
      await response.body?.cancel();
    }
  };
  const workers = Promise.all(Array.from({ length: 16 }, (_, worker) => work(worker)));
  await within(enough.promise, { timeoutMs: 10_000, what: "requests in the hand of the doomed connector" });
  await doomed.stop({ signal: "SIGKILL" });
  isDead = true;
  await within(workers, { timeoutMs: 30_000, what: "the other requests" });
  const failed = [...outcomes].filter(([, outcome]) => outcome !== "200 null");
  assert.equal(outcomes.size, 16 * 60);
  assert.deepEqual(
    new Set(failed.map(([, outcome]) => outcome)).difference(new Set(["502 connector_lost"])),
    new Set(),
  );
  // One request of each worker at most was under way. None of those that failed was tried again, none that came later failed.
  assert.ok(failed.length <= 16, `${failed.length} failed`);
  assert.deepEqual(failed.filter(([path]) => served.has(path) || begunAfter.has(path)), []);
  assert.deepEqual(
    [...outcomes.keys()].filter((path) => !served.has(path) && !failed.some(([key]) => key === path)),
    [],
  );
});

Deno.test("connectors come back by themselves when the server was killed under load", async () => {
  await using folder = await DataFolder.create();
  const tenants = await Promise.all(Array.from({ length: 4 }, () => folder.database.createTenant()));
  await using resources = new AsyncDisposableStack();
  const first = resources.use(await startServerProcess(folder));
  for (const tenant of tenants) {
    resources.use(await startConnector(first, tenant, { targets: { ping: { type: "ping" } }, connections: 2 }));
  }
  const { port } = first;
  let isOver = false;
  const outcomes = new Set<string>();
  const workers = tenants.map(async (tenant) => {
    while (!isOver) {
      const response = await first.relay(tenant, "ping").catch(() => undefined);
      outcomes.add(`${response?.status} ${response?.headers.get("relayserver-error")}`);
      await response?.body?.cancel();
      // A refused connection would otherwise be tried again without an end.
      if (response === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  await first.kill();
  const second = resources.use(await startServerProcess(folder, { port }));
  await second.connected(8);
  for (const tenant of tenants) {
    const response = await second.relay(tenant, "ping");
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  isOver = true;
  await Promise.all(workers);
  const allowed = new Set(["200 null", "undefined undefined", "503 connector_unavailable"]);
  assert.deepEqual(outcomes.difference(allowed), new Set());
});
