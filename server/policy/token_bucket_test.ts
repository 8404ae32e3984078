import assert from "node:assert/strict";
import fc from "fast-check";
import { TokenBuckets } from "./token_bucket.ts";

Deno.test("TokenBuckets lets a burst pass, then one request as often as the rate says", () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ perSecond: 2, burst: 3 }, { now: () => nowMs });
  assert.deepEqual([1, 2, 3].map(() => buckets.take("a")), [0, 0, 0]);
  assert.equal(buckets.take("a"), 500);
  nowMs = 499;
  assert.ok(buckets.take("a") > 0);
  nowMs = 500;
  assert.equal(buckets.take("a"), 0);
  nowMs = 100_000;
  assert.deepEqual([1, 2, 3].map(() => buckets.take("a")), [0, 0, 0]);
  assert.ok(buckets.take("a") > 0);
});

Deno.test("TokenBuckets counts participants apart", () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1 }, { now: () => 0 });
  assert.deepEqual(["a", "b", "c"].map((key) => buckets.take(key)), [0, 0, 0]);
  assert.ok(["a", "b", "c"].every((key) => buckets.take(key) > 0));
});

Deno.test("TokenBuckets never lets more pass than the rate and one burst, whenever they come", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 100 });
  fc.assert(fc.property(gaps, fc.integer({ min: 1, max: 5 }), fc.constantFrom(0.5, 1, 7), (waits, burst, perSecond) => {
    let nowMs = 0;
    let passed = 0;
    const buckets = new TokenBuckets({ perSecond, burst }, { now: () => nowMs });
    for (const wait of waits) {
      nowMs += wait;
      if (buckets.take("a") === 0) passed++;
    }
    assert.ok(passed <= burst + nowMs / 1_000 * perSecond + 1e-6);
  }));
});

Deno.test("TokenBuckets keeps a bounded number, forgets who has paused, and lets those beyond share one", () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1 }, { now: () => nowMs, maxBuckets: 10 });
  for (let index = 0; index < 10; index++) assert.equal(buckets.take(`first ${index}`), 0);
  assert.equal(buckets.take("beyond 1"), 0);
  assert.ok(buckets.take("beyond 2") > 0);
  assert.equal(buckets.size, 10);
  nowMs = 5_000;
  assert.equal(buckets.take("beyond 3"), 0);
  assert.equal(buckets.size, 1);
});
