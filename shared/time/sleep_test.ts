import assert from "node:assert/strict";
import { FakeTime, settle } from "../protocol/testing.ts";
import { sleep } from "./sleep.ts";

Deno.test("sleep() ends after its time", async () => {
  using time = new FakeTime();
  let isOver = false;
  const sleeping = sleep(20).then(() => isOver = true);
  time.pass(19);
  await settle();
  assert.equal(isOver, false);
  time.pass(1);
  await sleeping;
});

Deno.test("sleep() ends at once when its signal is or gets aborted, and leaves no timer", async () => {
  using time = new FakeTime();
  const stop = new AbortController();
  const sleeping = sleep(60_000, { signal: stop.signal });
  stop.abort();
  await sleeping;
  await sleep(60_000, { signal: stop.signal });
  assert.equal(time.timers, 0);
});
