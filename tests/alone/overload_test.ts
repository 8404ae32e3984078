import assert from "node:assert/strict";
import { startConnector } from "../testkit/connector.ts";
import { within } from "../testkit/deadline.ts";
import { assertAnswer, assertProblem } from "../testkit/http.ts";
import { testLog } from "../testkit/log.ts";
import { RawConnector, refusedUpgrade } from "../testkit/raw_connector.ts";
import { startServer, type TestServer } from "../testkit/server.ts";
import { Gate } from "../testkit/target.ts";
import type { TestTenant } from "../testkit/tenants.ts";

const OVERLOADED = { status: 503, code: "overloaded" };

/** A tenant whose target answers when the gate is opened. */
async function startSlowTenant(
  server: TestServer,
  settings: Parameters<TestServer["database"]["createTenant"]>[0] = {},
) {
  const tenant = await server.database.createTenant(settings);
  const gate = new Gate();
  const slow = async () => {
    await gate.pass();
    return new Response("slow");
  };
  const connector = await startConnector(server, tenant, { targets: { slow, quick: () => new Response("quick") } });
  return { tenant, gate, [Symbol.asyncDispose]: () => connector[Symbol.asyncDispose]() };
}

/** Sends many requests at once, and resolves when all were refused but those that are let in. */
async function flood(
  server: TestServer,
  tenant: TestTenant,
  counts: { readonly sent: number; readonly admitted: number },
) {
  const enough = Promise.withResolvers<void>();
  let refused = 0;
  const statuses: Promise<number>[] = Array.from({ length: counts.sent }, async () => {
    const response = await server.relay(tenant, "slow");
    if (response.status === 200) {
      await response.body?.cancel();
      return 200;
    }
    assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    await assertProblem(response, OVERLOADED);
    if (++refused === counts.sent - counts.admitted) enough.resolve();
    return 503;
  });
  await within(enough.promise, { timeoutMs: 10_000, what: "the refusals", detail: () => `so far: ${refused}` });
  return {
    /** Checks that those that were let in are all answered, and that there is room for another one. */
    async assertServed(): Promise<void> {
      const served = (await Promise.all(statuses)).filter((status) => status === 200);
      assert.equal(served.length, counts.admitted);
      await assertAnswer(await server.relay(tenant, "slow"), { text: "slow" });
    },
  };
}

/** Ends a server; that takes its drain timeout when a single request was not counted out. */
async function assertNothingInFlight(server: TestServer): Promise<void> {
  await within(server.relayServer.drain(), { timeoutMs: 3000, what: "a drain of nothing" });
}

/** Median of the times of some requests, in milliseconds. */
async function medianMs(server: TestServer, tenant: TestTenant): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < 60; index++) {
    const startedAtMs = performance.now();
    await assertAnswer(await server.relay(tenant, "quick"), { text: "quick" });
    times.push(performance.now() - startedAtMs);
  }
  return times.sort((a, b) => a - b)[times.length / 2]!;
}

Deno.test("ten times more requests than a tenant may have: its share is answered, the rest refused at once, twice", async () => {
  await using server = await startServer({ limits: { requests: 100, requestsPerTenant: 30 } });
  // The connection takes 5 at a time: 25 of the 30 wait in the tenant's queue.
  for (const settings of [{}, { maximumConcurrentConnectorRequests: 5 }]) {
    await using slow = await startSlowTenant(server, settings);
    const first = await flood(server, slow.tenant, { sent: 300, admitted: 30 });
    slow.gate.open();
    await first.assertServed();
  }
  await assertNothingInFlight(server);
});

Deno.test("a tenant that floods the server leaves room for others, and they are served as quickly as before", async () => {
  await using server = await startServer({ limits: { requests: 50, requestsPerTenant: 1000 } });
  await using flooding = await startSlowTenant(server);
  await using other = await startSlowTenant(server);
  const quietMs = await medianMs(server, other.tenant);
  const wave = await flood(server, flooding.tenant, { sent: 500, admitted: 40 });
  let isOver = false;
  let refused = 0;
  const workers = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      await assertProblem(await server.relay(flooding.tenant, "slow"), OVERLOADED);
      refused++;
    }
  });
  const floodedMs = await medianMs(server, other.tenant);
  isOver = true;
  await Promise.all(workers);
  assert.ok(refused > 60, `${refused} refused meanwhile`);
  // Client, server and connectors share one process here, so that every refusal costs the other tenant's time too.
  assert.ok(floodedMs < 25 * quietMs + 25, `median ${floodedMs} ms in the flood, ${quietMs} ms before it`);
  flooding.gate.open();
  await wave.assertServed();
  await assertNothingInFlight(server);
});

Deno.test("requests whose clients gave up take no places, neither in flight nor in the queue", async () => {
  await using server = await startServer({ limits: { requests: 100, requestsPerTenant: 30 } });
  await using slow = await startSlowTenant(server, { maximumConcurrentConnectorRequests: 1 });
  // It holds the only place at the connection until the end, so that nothing is taken out of the queue.
  const holding = server.relay(slow.tenant, "slow");
  await slow.gate.reached;
  for (let round = 1; round <= 4; round++) {
    const stop = new AbortController();
    const waiting = Array.from({ length: 29 }, () => server.relay(slow.tenant, "quick", { signal: stop.signal }));
    const gone = Promise.allSettled(waiting);
    await flood(server, slow.tenant, { sent: 1, admitted: 0 });
    stop.abort();
    await gone;
    const pattern = { message: /{status}/, properties: { tenant: slow.tenant.name, status: 499 } };
    await testLog.waitFor(pattern, { count: 29 * round });
  }
  const last = server.relay(slow.tenant, "quick");
  slow.gate.open();
  await assertAnswer(await holding, { text: "slow" });
  await assertAnswer(await last, { text: "quick" });
  await assertNothingInFlight(server);
});

Deno.test("requests that expire in the queue make room for others", async () => {
  const overrides = { limits: { requests: 100, requestsPerTenant: 10 }, requestExpiration: "300ms" };
  await using server = await startServer({ ...overrides, requireActiveConnection: false });
  const tenant = await server.database.createTenant();
  for (let round = 0; round < 3; round++) {
    const waiting = Array.from({ length: 10 }, () => server.relay(tenant, "slow"));
    for (const response of waiting) await assertProblem(await response, { status: 504, code: "request_expired" });
  }
  await assertNothingInFlight(server);
});

Deno.test("answers that are broken off in every way are counted out", async () => {
  await using server = await startServer({ limits: { requests: 20, requestsPerTenant: 10 } });
  const tenant = await server.database.createTenant();
  const endless = () =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(10_000)) }));
  const broken = () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(100_000));
          controller.error(new Error("broken"));
        },
      }),
    );
  const silent = () =>
    new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }));
  await using _connector = await startConnector(server, tenant, { targets: { endless, broken, silent } });
  const left = { message: /{status}/, properties: { tenant: tenant.name } };
  let sent = 0;
  for (let round = 0; round < 3; round++) {
    const responses = ["endless", "broken", "silent", "none"].map((name) => server.relay(tenant, name));
    const heads = ["endless", "silent"].map((name) => server.relay(tenant, name, { method: "HEAD" }));
    sent += responses.length + heads.length;
    for (const response of [...responses, ...heads]) {
      const { body } = await response;
      const reader = body?.getReader();
      await reader?.read().catch(() => {});
      await reader?.cancel().catch(() => {});
    }
    await testLog.waitFor(left, { count: sent });
  }
  await assertNothingInFlight(server);
});

/** Opens WebSockets one after another until the server refuses one. */
async function openAll(server: TestServer, token: string, stack: DisposableStack): Promise<number> {
  for (let opened = 0;; opened++) {
    const connector = await RawConnector.open(server.url, { token }).catch(() => undefined);
    if (connector === undefined) return opened;
    stack.use(connector);
  }
}

Deno.test("a flood of handshakes stays within limits.connections, leaves room for others, and passes", async () => {
  await using server = await startServer({ limits: { connections: 20 }, handshakeTimeout: "1s" });
  const flooding = await server.database.createTenant();
  const other = await server.database.createTenant();
  const token = await server.token(flooding, "connector");
  for (let round = 0; round < 2; round++) {
    using connectors = new DisposableStack();
    // None of them says hello: a handshake takes a place too.
    assert.equal(await openAll(server, token, connectors), 16);
    const refusal = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
    await assertProblem(refusal, OVERLOADED);
    using welcome = await RawConnector.connect(server.url, { token: await server.token(other, "connector") });
    welcome.terminate();
    await server.disconnected(other, round + 1);
    const isOver = { message: /^Handshake of /, properties: { tenant: flooding.name } };
    await testLog.waitFor(isOver, { count: 16 * (round + 1) });
  }
});

Deno.test("handshakes that come all at once stay within limits.connections", async () => {
  await using server = await startServer({ limits: { connections: 20 } });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  using connectors = new DisposableStack();
  const opened = await Promise.allSettled(
    Array.from({ length: 300 }, () => RawConnector.connect(server.url, { token }).then((one) => connectors.use(one))),
  );
  const count = opened.filter(({ status }) => status === "fulfilled").length;
  assert.equal(count, 16);
});
