import assert from "node:assert/strict";
import { RecentResults } from "./recent_results.ts";

function started() {
  let nowMs = 0;
  let found = 0;
  const results = new RecentResults<number>({ maxAgeMs: 10_000, now: () => nowMs });
  const find = (tookMs: number) => () => {
    nowMs += tookMs;
    return Promise.resolve(++found);
  };
  return { results, find, pass: (milliseconds: number) => nowMs += milliseconds };
}

Deno.test("get() finds again what is too old, and never something else", async () => {
  const { results, find, pass } = started();
  assert.equal(await results.get("a", find(0)), 1);
  pass(9_999);
  assert.equal(await results.get("a", find(0)), 1);
  assert.equal(await results.get("b", find(0)), 2);
  pass(1);
  assert.equal(await results.get("a", find(0)), 3);
});

Deno.test("get() keeps for longer what took long", async () => {
  const { results, find, pass } = started();
  assert.equal(await results.get("a", find(2_000)), 1);
  pass(39_999);
  assert.equal(await results.get("a", find(0)), 1);
  pass(1);
  assert.equal(await results.get("a", find(0)), 2);
});

Deno.test("get() finds once for all who ask at the same time, and keeps no failure", async () => {
  const { results, find } = started();
  const failing = Promise.withResolvers<number>();
  const both = [results.get("a", () => failing.promise), results.get("a", find(0))];
  failing.reject(new Error("away"));
  for (const { status } of await Promise.allSettled(both)) assert.equal(status, "rejected");
  assert.equal(await results.get("a", find(0)), 1);
});

Deno.test("get() forgets the oldest when there are many", async () => {
  const { results, find } = started();
  for (let key = 0; key <= 100; key++) await results.get(String(key), find(0));
  assert.equal(await results.get("1", find(0)), 2);
  assert.equal(await results.get("0", find(0)), 102);
});
