import assert from "node:assert/strict";
import { testLog } from "../../tests/testkit/log.ts";
import type { BodyStore } from "./body_store.ts";
import { testBodyStore } from "./body_store_contract.ts";
import { FileBodyStore } from "./file_body_store.ts";
import { MemoryBodyStore } from "./memory_body_store.ts";
import { type BodyStoreStatus, MonitoredBodyStore } from "./monitored_body_store.ts";

const bytes = (sizeBytes: number) => ReadableStream.from([new Uint8Array(sizeBytes)]);

function monitored(store: BodyStore) {
  const clock = { nowMs: 1_000 };
  return { clock, monitor: new MonitoredBodyStore(store, { probeName: "a", now: () => clock.nowMs }) };
}

testBodyStore("monitored body store", () =>
  Promise.resolve({
    store: monitored(new MemoryBodyStore({ maxTotalBytes: 10_000_000 })).monitor,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }), {
  skipped: { "says body_store_unavailable when its place is lost": "memory is lost with the process only" },
});

Deno.test("status is blocked while the body store is full, and ready once it has taken a body", async () => {
  const { monitor, clock } = monitored(new MemoryBodyStore({ maxTotalBytes: 100 }));
  const status = (): BodyStoreStatus => monitor.status;
  await monitor.put("a", bytes(60));
  assert.deepEqual(status(), { state: "ready", sinceMs: 1_000, lastError: undefined });
  clock.nowMs = 2_000;
  await assert.rejects(monitor.put("b", bytes(60)));
  clock.nowMs = 3_000;
  await assert.rejects(monitor.put("b", bytes(60)));
  const lastError = "Cannot store body: the body store is full";
  assert.deepEqual(status(), { state: "blocked", sinceMs: 2_000, lastError });
  await (await monitor.open("a"))?.stream.cancel();
  await monitor.remove("a");
  assert.equal(status().state, "blocked");
  await monitor.put("b", bytes(60));
  assert.deepEqual(status(), { state: "ready", sinceMs: 3_000, lastError: undefined });
});

Deno.test("status stays ready when a put fails for another reason than the body store", async () => {
  const { monitor } = monitored(new MemoryBodyStore({ maxTotalBytes: 100 }));
  await assert.rejects(monitor.put("a", bytes(60), { maxBytes: 50 }), { code: "body_too_large" });
  await assert.rejects(monitor.put("a", bytes(60), { signal: AbortSignal.abort(new Error("enough")) }));
  assert.equal(monitor.status.state, "ready");
});

Deno.test("watch() finds that the body store is away, and that it is back, though nobody uses it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  const path = `${folder}/bodies`;
  try {
    const { monitor, clock } = monitored(await FileBodyStore.open({ path }));
    const status = (): BodyStoreStatus => monitor.status;
    using _watch = monitor;
    const again = { message: /body store takes bodies again/ };
    const before = testLog.find(again).length;
    await Deno.rename(path, `${path}-elsewhere`);
    clock.nowMs = 2_000;
    monitor.watch();
    await testLog.waitFor({ message: /body store is/, properties: { state: "away" } });
    const lastError = "Cannot store body: the body store is not available";
    assert.deepEqual(status(), { state: "away", sinceMs: 2_000, lastError });
    await Deno.rename(`${path}-elsewhere`, path);
    await testLog.waitFor(again, { count: before + 1 });
    assert.deepEqual(status(), { state: "ready", sinceMs: 2_000, lastError: undefined });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("watch() calls a body store away that does not answer, and disposing gives the probe up", async () => {
  const aborted = Promise.withResolvers<void>();
  const probed = Promise.withResolvers<void>();
  const hanging = new MemoryBodyStore({ maxTotalBytes: 100 });
  hanging.put = (_key, _body, { signal } = {}) => {
    probed.resolve();
    return new Promise((_resolve, reject) =>
      signal?.addEventListener("abort", () => {
        aborted.resolve();
        reject(signal.reason);
      })
    );
  };
  const { monitor } = monitored(hanging);
  monitor.watch();
  await probed.promise;
  monitor[Symbol.dispose]();
  await aborted.promise;
  assert.equal(monitor.status.state, "ready");
});
