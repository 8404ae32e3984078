import assert from "node:assert/strict";
import fc from "fast-check";
import { patientWindow, reconnectDelayMs } from "./reconnect_delay.ts";

/** The earliest and the latest delay of an attempt, in milliseconds. */
function range(minimumMs: number, maximumMs: number, attempt: number): [number, number] {
  const window = { minimumMs, maximumMs };
  return [reconnectDelayMs(window, attempt, 0), reconnectDelayMs(window, attempt, 1)];
}

Deno.test("reconnectDelayMs() begins near the window's beginning and doubles its range up to the end", () => {
  const ranges = [0, 1, 2, 3, 4, 5, 1000].map((attempt) => range(1000, 30_000, attempt)[1]);
  assert.deepEqual(ranges, [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(reconnectDelayMs({ minimumMs: 1000, maximumMs: 30_000 }, 0, 0.5), 1500);
});

Deno.test("reconnectDelayMs() spreads attempts that may begin at once over seconds", () => {
  assert.deepEqual(range(0, 30_000, 0), [0, 2000]);
});

Deno.test("reconnectDelayMs() is the minimum when there is no window", () => {
  for (const maximumMs of [5000, 0]) assert.deepEqual(range(5000, maximumMs, 3), [5000, 5000]);
});

Deno.test("reconnectDelayMs() stays inside the window, whatever the attempt and the chance", () => {
  const someDelay = fc.integer({ min: 0, max: 86_400_000 });
  fc.assert(
    fc.property(
      someDelay,
      someDelay,
      fc.nat(5000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (a, b, attempt, random) => {
        const [minimumMs, maximumMs] = [Math.min(a, b), Math.max(a, b)];
        const delayMs = reconnectDelayMs({ minimumMs, maximumMs }, attempt, random);
        assert.ok(delayMs >= minimumMs && delayMs <= maximumMs, `${delayMs}`);
      },
    ),
  );
});

Deno.test("reconnectDelayMs() spreads connectors that lost the same server evenly: no second gets more than its share", () => {
  const connectors = 10_000;
  const perBucket = new Map<number, number>();
  for (let index = 0; index < connectors; index++) {
    const delayMs = reconnectDelayMs({ minimumMs: 1000, maximumMs: 30_000 }, 3, Math.random());
    const bucket = Math.floor(delayMs / 1000);
    perBucket.set(bucket, (perBucket.get(bucket) ?? 0) + 1);
  }
  // 1 s to 16 s: 15 buckets. Ten times the standard deviation is never seen.
  assert.equal(perBucket.size, 15);
  const expected = connectors / 15;
  for (const [second, count] of perBucket) {
    assert.ok(Math.abs(count - expected) < 10 * Math.sqrt(expected), `${count} in second ${second}`);
  }
});

Deno.test("patientWindow() begins as soon, and goes on to ten times as long", () => {
  const window = patientWindow({ minimumMs: 1000, maximumMs: 30_000 });
  const latest = [0, 3, 5, 7, 8, 9].map((attempt) => reconnectDelayMs(window, attempt, 1));
  assert.deepEqual(latest, [2000, 16_000, 64_000, 256_000, 300_000, 300_000]);
});
