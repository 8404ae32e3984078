import assert from "node:assert/strict";
import { MemoryBodyStore } from "../body_store/mod.ts";
import { OrphanedBodies } from "./orphaned_bodies.ts";

const DAY_MS = 24 * 60 * 60_000;
const { signal } = new AbortController();

async function storeOf(count: number) {
  let now = 0;
  const store = new MemoryBodyStore({ maxTotalBytes: 1_000_000, now: () => now });
  for (let index = 0; index < count; index++) await store.put(`old-${index}`, ReadableStream.from([new Uint8Array(1)]));
  now = DAY_MS;
  await store.put("new", ReadableStream.from([new Uint8Array(1)]));
  const keys = () => Array.fromAsync(store.keys({ minimumAgeMs: 0 }));
  return { store, keys };
}

Deno.test("removeOrphans() removes old bodies that nobody names, and nothing else", async () => {
  const { store, keys } = await storeOf(450);
  const asked: number[] = [];
  const named = new Set(["old-3", "old-449", "new"]);
  const orphans = new OrphanedBodies(store, {
    findBodyKeys: (keys) => {
      asked.push(keys.length);
      return Promise.resolve(named);
    },
  });
  assert.equal(await orphans.removeOrphans(signal), 448);
  assert.deepEqual(await keys(), ["old-3", "old-449", "new"]);
  assert.deepEqual(asked, [200, 200, 50]);
});

Deno.test("removeOrphans() removes nothing when the database cannot say what is needed", async () => {
  const { store, keys } = await storeOf(2);
  const orphans = new OrphanedBodies(store, { findBodyKeys: () => Promise.reject(new Error("away")) });
  await assert.rejects(orphans.removeOrphans(signal), { message: "away" });
  assert.equal((await keys()).length, 3);
});

Deno.test("removeOrphans() stops when it is told", async () => {
  const { store, keys } = await storeOf(2);
  const orphans = new OrphanedBodies(store, { findBodyKeys: () => Promise.resolve(new Set()) });
  assert.equal(await orphans.removeOrphans(AbortSignal.abort()), 0);
  assert.equal((await keys()).length, 3);
});
