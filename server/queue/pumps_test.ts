import assert from "node:assert/strict";
import { FakeTime, settle } from "../../shared/protocol/testing.ts";
import type { StoredRequest } from "../persistence/mod.ts";
import { type ClaimSource, Pumps } from "./pumps.ts";

const TENANT = "t";

/** A pump over a queue of so many requests, and a clock that the test moves. */
function setUp({ waiting, capacity }: { readonly waiting: number; readonly capacity: number }) {
  const time = new FakeTime();
  const test = { waiting, capacity: capacity as number | undefined, nextAttemptAt: undefined as number | undefined };
  const delivered: StoredRequest[] = [];
  const limits: number[] = [];
  const source: ClaimSource = {
    claim(tenantId, { limit }) {
      limits.push(limit);
      const count = Math.min(limit, test.waiting);
      test.waiting -= count;
      return Promise.resolve(Array.from({ length: count }, () => ({ tenantId }) as StoredRequest));
    },
    nextAttemptAt: () => Promise.resolve(test.nextAttemptAt),
  };
  const pumps = new Pumps({
    source,
    connections: { capacity: () => test.capacity },
    deliver: (request) => void delivered.push(request),
    now: () => performance.now(),
  });
  return Object.assign(test, {
    time,
    source,
    pumps,
    delivered,
    limits,
    [Symbol.dispose]: () => time[Symbol.dispose](),
  });
}

Deno.test("no more is taken than there is room for, however long it takes to get onto a connection", async () => {
  using test = setUp({ waiting: 10, capacity: 3 });
  test.pumps.changed(TENANT);
  await settle();
  test.pumps.changed(TENANT);
  test.pumps.wake(TENANT);
  await settle();
  assert.deepEqual([test.delivered.length, test.waiting], [3, 7]);
});

Deno.test("more is taken when what was taken is on a connection, and that has room again", async () => {
  using test = setUp({ waiting: 10, capacity: 2 });
  test.pumps.changed(TENANT);
  await settle();
  const [first] = test.delivered;
  test.capacity = 1;
  test.pumps.placed(first!);
  await settle();
  assert.equal(test.delivered.length, 2);
  test.capacity = 2;
  test.pumps.changed(TENANT);
  test.pumps.placed(first!);
  await settle();
  assert.deepEqual([test.delivered.length, test.limits], [3, [2, 1]]);
});

Deno.test("more is taken when what was taken needs no connection after all", async () => {
  using test = setUp({ waiting: 3, capacity: 2 });
  test.pumps.changed(TENANT);
  await settle();
  test.pumps.placed(test.delivered[0]!);
  await settle();
  assert.deepEqual([test.delivered.length, test.waiting], [3, 0]);
});

Deno.test("a claim that fails is tried again", async () => {
  using test = setUp({ waiting: 1, capacity: 1 });
  const { claim } = test.source;
  test.source.claim = () => Promise.reject(new Error("The database is away"));
  test.pumps.changed(TENANT);
  await settle();
  test.source.claim = claim;
  test.time.pass(1_000);
  await settle();
  assert.equal(test.delivered.length, 1);
});

Deno.test("what becomes due later is taken then", async () => {
  using test = setUp({ waiting: 0, capacity: 1 });
  test.nextAttemptAt = performance.now() + 5_000;
  test.pumps.changed(TENANT);
  await settle();
  test.waiting = 1;
  test.time.pass(4_999);
  await settle();
  assert.equal(test.delivered.length, 0);
  test.nextAttemptAt = undefined;
  test.time.pass(1);
  await settle();
  assert.equal(test.delivered.length, 1);
});

Deno.test("nothing is taken for a tenant that is not connected here, and no timer stays behind", async () => {
  using test = setUp({ waiting: 1, capacity: 0 });
  test.pumps.changed(TENANT);
  test.pumps.wakeAt(TENANT, performance.now() + 1_000);
  test.capacity = undefined;
  test.pumps.wake(TENANT);
  test.pumps.changed(TENANT);
  await settle();
  assert.deepEqual([test.limits, [...test.pumps.tenantIds]], [[], []]);
  await test.pumps.stop();
  assert.equal(test.time.timers, 0);
});
