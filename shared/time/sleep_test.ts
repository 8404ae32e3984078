import assert from "node:assert/strict";
import { sleep } from "./sleep.ts";

Deno.test("sleep() ends after its time", async () => {
  const startedMs = performance.now();
  await sleep(20);
  assert.ok(performance.now() - startedMs >= 19);
});

Deno.test("sleep() ends at once when its signal is or gets aborted, and leaves no timer", async () => {
  const stop = new AbortController();
  const sleeping = sleep(60_000, { signal: stop.signal });
  stop.abort();
  await sleeping;
  await sleep(60_000, { signal: stop.signal });
});
