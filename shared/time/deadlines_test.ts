import assert from "node:assert/strict";
import { FakeTime } from "../protocol/testing.ts";
import { Deadline, Deadlines } from "./deadlines.ts";

const TIMEOUT_MS = 100;

/** Deadlines by name, and the names of those that have expired. */
function watch(...names: readonly string[]) {
  const time = new FakeTime();
  const deadlines = new Deadlines(TIMEOUT_MS);
  const expired: string[] = [];
  return {
    time,
    deadlines,
    expired,
    all: names.map((name) => new Deadline(() => expired.push(name))),
    [Symbol.dispose]() {
      deadlines[Symbol.dispose]();
      time[Symbol.dispose]();
    },
  };
}

Deno.test("Deadlines expire in the order of starting, each once", () => {
  using watched = watch("a", "b", "c");
  const { time, deadlines, expired, all } = watched;
  for (const deadline of all) deadlines.start(deadline);
  time.pass(TIMEOUT_MS - 1);
  assert.deepEqual(expired, []);
  time.pass(1);
  assert.deepEqual(expired, ["a", "b", "c"]);
  time.pass(10 * TIMEOUT_MS);
  assert.deepEqual(expired, ["a", "b", "c"]);
});

Deno.test("Deadlines.stop() keeps a deadline from expiring, wherever it stands", () => {
  using watched = watch("a", "b", "c", "d");
  const { time, deadlines, expired, all } = watched;
  for (const deadline of all) deadlines.start(deadline);
  for (const index of [0, 2, 2]) deadlines.stop(all[index]!);
  time.pass(TIMEOUT_MS);
  assert.deepEqual(expired, ["b", "d"]);
});

Deno.test("Deadlines.start() starts a running deadline anew", () => {
  using watched = watch("first", "second");
  const { time, deadlines, expired, all: [first, second] } = watched;
  deadlines.start(first!);
  deadlines.start(second!);
  time.pass(10);
  deadlines.start(first!);
  time.pass(TIMEOUT_MS - 10);
  assert.deepEqual(expired, ["second"]);
  time.pass(10);
  assert.deepEqual(expired, ["second", "first"]);
});

Deno.test("Deadlines do not expire early when a deadline starts another one", () => {
  using watched = watch("next");
  const { time, deadlines, expired, all: [next] } = watched;
  deadlines.start(new Deadline(() => deadlines.start(next!)));
  time.pass(2 * TIMEOUT_MS - 1);
  assert.deepEqual(expired, []);
  time.pass(1);
  assert.deepEqual(expired, ["next"]);
});

Deno.test("Deadlines are all stopped by disposal", () => {
  using watched = watch("a", "b");
  const { time, deadlines, expired, all } = watched;
  for (const deadline of all) deadlines.start(deadline);
  deadlines[Symbol.dispose]();
  assert.equal(time.timers, 0);
  time.pass(10 * TIMEOUT_MS);
  assert.deepEqual(expired, []);
});
