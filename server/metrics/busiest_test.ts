import assert from "node:assert/strict";
import fc from "fast-check";
import { Busiest } from "./busiest.ts";

const make = (places: number) =>
  new Busiest({ places, otherLabel: "_other", create: (label) => ({ label, count: 0 }) });

const labels = (busiest: Busiest<{ label: string }>) => [...busiest.values()].map(({ label }) => label);

Deno.test("Busiest gives places as long as there are some", () => {
  const busiest = make(2);
  for (const key of ["a", "b", "c", "a"]) busiest.use(key, key).count++;
  assert.deepEqual([...busiest.values()].map(({ label, count }) => [label, count]), [["a", 2], ["b", 1], [
    "_other",
    1,
  ]]);
});

Deno.test("Busiest gives the places of idle keys to busier ones, from zero", () => {
  const busiest = make(2);
  for (const key of ["idle", "busy"]) busiest.use(key, key);
  for (let use = 0; use < 10; use++) for (const key of ["busy", "new"]) busiest.use(key, key).count++;
  busiest.rebalance();
  assert.deepEqual(labels(busiest), ["busy", "new", "_other"]);
  assert.equal(busiest.use("new", "new").count, 0);
  assert.equal(busiest.use("idle", "idle"), busiest.other);
});

Deno.test("Busiest does not swap keys that are about as busy as each other", () => {
  const busiest = make(1);
  for (let round = 0; round < 20; round++) {
    busiest.use("first", "first");
    for (let use = 0; use < 2; use++) busiest.use("second", "second");
    busiest.rebalance();
  }
  assert.deepEqual(labels(busiest), ["first", "_other"]);
});

Deno.test("Busiest watches a limited number of keys, and forgets those that are gone", () => {
  const busiest = make(2);
  for (let key = 0; key < 1_000; key++) busiest.use(`${key}`, `${key}`);
  for (let round = 0; round < 10; round++) busiest.rebalance();
  for (let use = 0; use < 5; use++) busiest.use("late", "late");
  busiest.rebalance();
  assert.ok(labels(busiest).includes("late"));
});

Deno.test("Busiest counts a key that is named like the others with the others", () => {
  const busiest = make(2);
  assert.equal(busiest.use("_other", "_other"), busiest.other);
  assert.deepEqual(labels(busiest), ["_other"]);
});

Deno.test("Busiest never has more than its places, nor a label twice", () => {
  const step = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant("rebalance" as const));
  fc.assert(fc.property(fc.array(step, { maxLength: 400 }), fc.integer({ min: 0, max: 5 }), (steps, places) => {
    const busiest = make(places);
    for (const each of steps) {
      if (each === "rebalance") busiest.rebalance();
      else busiest.use(`${each}`, `${each}`);
    }
    const given = labels(busiest);
    assert.ok(given.length <= places + 1);
    assert.equal(new Set(given).size, given.length);
  }));
});
