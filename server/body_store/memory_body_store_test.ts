import assert from "node:assert/strict";
import { testBodyStore } from "./body_store_contract.ts";
import { MemoryBodyStore } from "./memory_body_store.ts";

testBodyStore("memory body store", () =>
  Promise.resolve({
    store: new MemoryBodyStore({ maxTotalBytes: 10_000_000 }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }), {
  skipped: { "says body_store_unavailable when its place is lost": "memory is lost with the process only" },
});

Deno.test("put() rejects with body_store_unavailable when the memory store is full, until something is removed", async () => {
  const store = new MemoryBodyStore({ maxTotalBytes: 100 });
  const body = (sizeBytes: number) => ReadableStream.from([new Uint8Array(sizeBytes)]);
  await store.put("a", body(60));
  await assert.rejects(store.put("b", body(41)), {
    code: "body_store_unavailable",
    message: "Cannot store body: the body store is full",
  });
  await store.put("b", body(40));
  await store.remove("a");
  await store.put("c", body(60));
  await store.remove("b");
  await store.put("d", body(40));
});

Deno.test("keys() goes by the age of a body when it lists the memory store", async () => {
  let now = 1_000;
  const store = new MemoryBodyStore({ maxTotalBytes: 100, now: () => now });
  await store.put("a", ReadableStream.from([new Uint8Array(1)]));
  now += 50;
  await store.put("b", ReadableStream.from([new Uint8Array(1)]));
  assert.deepEqual(await Array.fromAsync(store.keys({ minimumAgeMs: 50 })), ["a"]);
  now += 50;
  assert.deepEqual(await Array.fromAsync(store.keys({ minimumAgeMs: 50 })), ["a", "b"]);
});
