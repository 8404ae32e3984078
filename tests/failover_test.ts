/**
 * A connector that knows two servers, when one of them freezes, stops or dies.
 *
 * @module
 */

import assert from "node:assert/strict";
import { assertAnswer } from "./testkit/http.ts";
import { DataFolder, type ServerProcess, startConnectorProcess, startServerProcess } from "./testkit/programs.ts";
import { Gate, startTarget } from "./testkit/target.ts";

const KEEP_ALIVE_MS = 1000;

/** Two servers with one database, and a connector that begins with the first. */
async function startTwoServers(targets: Record<string, string | { type: string }>) {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await DataFolder.create());
  const overrides = { keepAliveInterval: `${KEEP_ALIVE_MS}ms`, connectionGrace: "5s" };
  const first = resources.use(await startServerProcess(folder, overrides));
  const second = resources.use(await startServerProcess(folder, overrides));
  const tenant = await folder.database.createTenant();
  const relayServerBaseUri = [first.url, second.url];
  const connector = resources.use(
    await startConnectorProcess(first, tenant, { folder, targets, relayServerBaseUri }),
  );
  await first.connected();
  const kept = resources.move();
  return { first, second, tenant, connector, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Waits for the connection to the second server, and says how long it took. */
async function timeToMove(second: ServerProcess, act: () => void | Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await act();
  await second.connected();
  return performance.now() - startedAtMs;
}

Deno.test("a connector whose server freezes moves to the other within one keep-alive and a short delay", async () => {
  await using test = await startTwoServers({ ping: { type: "ping" } });
  const { first, second, tenant } = test;
  try {
    const tookMs = await timeToMove(second, () => Deno.kill(first.process.pid, "SIGSTOP"));
    // One interval to notice, and a random delay of at most 50 ms, which the test's servers ask for; the first attempt may be a second.
    assert.ok(tookMs < 3 * KEEP_ALIVE_MS, `${tookMs} ms`);
    assert.equal((await second.relay(tenant, "ping")).status, 200);
  } finally {
    Deno.kill(first.process.pid, "SIGCONT");
  }
});

Deno.test("a connector whose server dies moves to the other", async () => {
  await using test = await startTwoServers({ ping: { type: "ping" } });
  const tookMs = await timeToMove(test.second, () => test.first.kill());
  assert.ok(tookMs < 3 * KEEP_ALIVE_MS, `${tookMs} ms`);
  assert.equal((await test.second.relay(test.tenant, "ping")).status, 200);
});

Deno.test("a connector whose server drains is at the other at once, and what runs finishes", async () => {
  const gate = new Gate();
  await using target = startTarget(async () => {
    await gate.pass();
    return new Response("finished");
  });
  await using test = await startTwoServers({ web: target.url, ping: { type: "ping" } });
  const { first, second, tenant } = test;
  const running = first.relay(tenant, "web");
  await gate.reached;
  const tookMs = await timeToMove(second, () => Deno.kill(first.process.pid, "SIGTERM"));
  assert.ok(tookMs < KEEP_ALIVE_MS, `${tookMs} ms`);
  assert.equal((await second.relay(tenant, "ping")).status, 200);
  gate.open();
  await assertAnswer(await running, { text: "finished" });
  assert.equal((await first.process.status).code, 0);
});

Deno.test("connections are spread over the servers, and each has its own", async () => {
  await using folder = await DataFolder.create();
  await using first = await startServerProcess(folder);
  await using second = await startServerProcess(folder);
  const tenant = await folder.database.createTenant();
  await using _connector = await startConnectorProcess(first, tenant, {
    folder,
    connections: 4,
    relayServerBaseUri: [first.url, second.url],
    targets: { ping: { type: "ping" } },
  });
  await Promise.all([first.connected(2), second.connected(2)]);
  for (const server of [first, second]) assert.equal((await server.relay(tenant, "ping")).status, 200);
});
