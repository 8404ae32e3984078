import assert from "node:assert/strict";
import { Deadline, Deadlines } from "./deadlines.ts";

/** Starts one that expires last, and waits for it. */
function lastOf(deadlines: Deadlines): Promise<void> {
  return new Promise((resolve) => deadlines.start(new Deadline(resolve)));
}

Deno.test("Deadlines expire in the order of starting, each once", async () => {
  using deadlines = new Deadlines(5);
  const expired: string[] = [];
  for (const name of ["a", "b", "c"]) deadlines.start(new Deadline(() => expired.push(name)));
  await lastOf(deadlines);
  await lastOf(deadlines);
  assert.deepEqual(expired, ["a", "b", "c"]);
});

Deno.test("Deadlines.stop() keeps a deadline from expiring, wherever it stands", async () => {
  using deadlines = new Deadlines(5);
  const expired: string[] = [];
  const all = ["a", "b", "c", "d"].map((name) => new Deadline(() => expired.push(name)));
  for (const deadline of all) deadlines.start(deadline);
  for (const index of [0, 2, 2]) deadlines.stop(all[index]!);
  await lastOf(deadlines);
  assert.deepEqual(expired, ["b", "d"]);
});

Deno.test("Deadlines.start() starts a running deadline anew", async () => {
  using deadlines = new Deadlines(5);
  const expired: string[] = [];
  const [first, second] = ["first", "second"].map((name) => new Deadline(() => expired.push(name)));
  deadlines.start(first!);
  deadlines.start(second!);
  deadlines.start(first!);
  await lastOf(deadlines);
  assert.deepEqual(expired, ["second", "first"]);
});

Deno.test("Deadlines do not expire early when a deadline starts another one", async () => {
  using deadlines = new Deadlines(20);
  const startedMs = performance.now();
  await lastOf(deadlines);
  await lastOf(deadlines);
  assert.ok(performance.now() - startedMs >= 39);
});

Deno.test("Deadlines are all stopped by disposal", async () => {
  const disposed = new Deadlines(1);
  disposed.start(new Deadline(() => assert.fail("expired")));
  disposed[Symbol.dispose]();
  using others = new Deadlines(5);
  await lastOf(others);
});
