import assert from "node:assert/strict";
import { FakeTime, settle } from "../../shared/protocol/testing.ts";
import { PersistenceError } from "../persistence/mod.ts";
import { Batch } from "./batch.ts";

Deno.test("add() writes together what comes in one turn, and what comes while a write runs", async () => {
  const writes: number[][] = [];
  const started = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  const batch = new Batch<number>({
    maxItems: 3,
    write: (items) => {
      writes.push([...items]);
      started.resolve();
      return writes.length === 1 ? first.promise : Promise.resolve();
    },
  });
  const early = [batch.add(1), batch.add(2)];
  await started.promise;
  const late = [3, 4, 5, 6].map((item) => batch.add(item));
  first.resolve();
  await Promise.all([...early, ...late]);
  assert.deepEqual(writes, [[1, 2], [3, 4, 5], [6]]);
});

Deno.test("add() rejects for the item that cannot be written, and for no other", async () => {
  const batch = new Batch<string>({
    maxItems: 10,
    write: (items) =>
      items.includes("bad") ? Promise.reject(new PersistenceError("query_failed", "bad row")) : Promise.resolve(),
  });
  const results = await Promise.allSettled(["a", "bad", "b"].map((item) => batch.add(item)));
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

Deno.test("add() rejects for all, without trying each, when the database is away", async () => {
  let writes = 0;
  const batch = new Batch<string>({
    maxItems: 10,
    write: () => (writes++, Promise.reject(new PersistenceError("database_unavailable", "away"))),
  });
  const results = await Promise.allSettled(["a", "b"].map((item) => batch.add(item)));
  assert.deepEqual([writes, results.map(({ status }) => status)], [1, ["rejected", "rejected"]]);
  await batch.idle();
});

Deno.test("add() waits for others as long as it may", async () => {
  using time = new FakeTime();
  const writes: number[][] = [];
  const batch = new Batch<number>({
    maxItems: 3,
    gatherMs: 10,
    write: (items) => (writes.push([...items]), Promise.resolve()),
  });
  const early = batch.add(1);
  time.pass(9);
  await settle();
  const late = batch.add(2);
  assert.deepEqual(writes, []);
  time.pass(1);
  await Promise.all([early, late]);
  assert.deepEqual(writes, [[1, 2]]);
});
