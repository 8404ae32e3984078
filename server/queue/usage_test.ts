import assert from "node:assert/strict";
import { FakeTime, settle } from "../../shared/protocol/testing.ts";
import { type Amount, Usage } from "./usage.ts";

const FRESH_MS = 5_000;
const LIMIT = { requests: 4, bytes: 100 };

/** Servers that share one database, over a clock that the test moves. */
function setUp(servers = 1) {
  const time = new FakeTime();
  const database = { requests: 0, bytes: 0 };
  let reads = 0;
  const read = (): Promise<Amount> => {
    reads++;
    return Promise.resolve({ ...database });
  };
  return {
    time,
    database,
    usages: Array.from({ length: servers }, () => new Usage({ read, limit: LIMIT })),
    reads: () => reads,
    /** Stores a request by a server. @returns Whether it was let in. */
    async store(usage: Usage, bytes = 1): Promise<boolean> {
      try {
        const place = await usage.reserve("t", bytes);
        database.requests++;
        database.bytes += bytes;
        place.taken();
        return true;
      } catch (error) {
        assert.equal((error as { code?: string }).code, "queue_full");
        return false;
      }
    },
    [Symbol.dispose]: () => time[Symbol.dispose](),
  };
}

Deno.test("reserve() holds the bounds at one server exactly, also for requests that come at once", async () => {
  using test = setUp();
  const [usage] = test.usages;
  const stored = await Promise.all(Array.from({ length: 10 }, () => test.store(usage!)));
  assert.equal(stored.filter(Boolean).length, LIMIT.requests);
  assert.equal(test.database.requests, LIMIT.requests);
});

Deno.test("reserve() holds the bounds when a request is stored while the database is asked, which has not seen it", async () => {
  using time = new FakeTime();
  const answers = [Promise.resolve({ requests: 3, bytes: 3 }), Promise.withResolvers<Amount>()] as const;
  let reads = 0;
  const usage = new Usage({ read: () => reads++ === 0 ? answers[0] : answers[1].promise, limit: LIMIT });
  const place = await usage.reserve("t", 1);
  time.pass(FRESH_MS + 1);
  const next = usage.reserve("t", 1);
  place.taken();
  answers[1].resolve({ requests: 3, bytes: 3 });
  await assert.rejects(next, { code: "queue_full" });
});

Deno.test("reserve() counts bytes, and what was given up makes room", async () => {
  using test = setUp();
  const [usage] = test.usages;
  const place = await usage!.reserve("t", 60);
  assert.equal(await test.store(usage!, 41), false);
  place.givenUp();
  assert.equal(await test.store(usage!, 100), true);
  assert.equal(await test.store(usage!, 1), false);
  usage!.settled("t", 100);
  assert.equal(await test.store(usage!, 100), true);
});

Deno.test("two servers together exceed a bound by no more than what the others store within five seconds", async () => {
  using test = setUp(2);
  const [one, other] = test.usages;
  // Both know that nothing is stored, and do not ask again while they believe there is room.
  const stored = await Promise.all([one!, other!, one!, other!, one!, other!].map((usage) => test.store(usage)));
  assert.deepEqual(stored, [true, true, true, true, true, true]);
  for (let count = 0; count < 5; count++) await test.store(one!), await test.store(other!);
  assert.equal(test.database.requests, 2 * LIMIT.requests);
  test.time.pass(FRESH_MS + 1);
  test.database.requests = LIMIT.requests - 1;
  assert.deepEqual([await test.store(one!), await test.store(other!)], [true, false]);
  assert.equal(test.database.requests, LIMIT.requests);
});

Deno.test("reserve() asks the database before it refuses: another server may have made room", async () => {
  using test = setUp(2);
  const [one, other] = test.usages;
  for (let count = 0; count < LIMIT.requests; count++) await test.store(one!);
  assert.equal(await test.store(other!), false);
  test.database.requests = 0;
  assert.equal(await test.store(one!), false);
  const reads = test.reads();
  assert.equal(await test.store(one!), false);
  assert.equal(test.reads(), reads);
  test.time.pass(501);
  assert.equal(await test.store(one!), true);
});

Deno.test("sweep() forgets who has stored nothing for a while, and nothing that is promised", async () => {
  using test = setUp();
  const [usage] = test.usages;
  const place = await usage!.reserve("t", 1);
  test.time.pass(FRESH_MS + 1);
  usage!.sweep();
  place.taken();
  usage!.sweep();
  const reads = test.reads();
  test.database.requests = LIMIT.requests;
  assert.equal(await test.store(usage!), false);
  await settle();
  assert.equal(test.reads(), reads + 1);
});

Deno.test("settled() counts no more, also when the database still has it", async () => {
  using test = setUp();
  const [usage] = test.usages;
  for (let count = 0; count < LIMIT.requests; count++) await test.store(usage!);
  const left = usage!.settled("t", 1);
  test.time.pass(FRESH_MS + 1);
  assert.equal(await test.store(usage!), true);
  assert.equal(await test.store(usage!), false);
  left();
  test.database.requests--;
  test.time.pass(FRESH_MS + 1);
  assert.equal(await test.store(usage!), false);
});
