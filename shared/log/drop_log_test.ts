import assert from "node:assert/strict";
import { DropLog } from "./drop_log.ts";

Deno.test("DropLog tells the first drop at once, and the others together after the interval", async () => {
  const told: [number, string][] = [];
  const both = Promise.withResolvers<void>();
  using drops = new DropLog((count, reason) => {
    told.push([count, reason]);
    if (told.length === 2) both.resolve();
  }, { intervalMs: 5 });
  drops.add(1, "full");
  drops.add(2, "full");
  drops.add(3, "lost");
  assert.deepEqual(told, [[1, "full"]]);
  await both.promise;
  assert.deepEqual(told, [[1, "full"], [5, "lost"]]);
  assert.equal(drops.total, 6);
});

Deno.test("DropLog tells what is left when it is disposed, and leaves no timer", () => {
  const told: number[] = [];
  const drops = new DropLog((count) => told.push(count));
  drops.add(1, "full");
  drops.add(4, "full");
  drops[Symbol.dispose]();
  drops[Symbol.dispose]();
  assert.deepEqual(told, [1, 4]);
});
