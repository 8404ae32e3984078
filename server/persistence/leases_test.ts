import assert from "node:assert/strict";
import { LeaseRepository } from "./leases.ts";
import { TestClock, testOnDatabases } from "./testing.ts";

testOnDatabases("acquire() gives a lease to one holder until it expires or is released", async (db) => {
  const clock = new TestClock();
  const leases = new LeaseRepository(db, clock.now);
  const acquire = (holder: string) => leases.acquire("prune", { holder, durationMs: 10 });
  assert.equal(await acquire("a"), true);
  assert.equal(await acquire("b"), false);
  clock.advance(9);
  assert.equal(await acquire("a"), true, "the holder prolongs it");
  clock.advance(9);
  assert.equal(await acquire("b"), false);
  clock.advance(1);
  assert.equal(await acquire("b"), true, "it has expired");
  await leases.release("prune", "a");
  assert.equal(await acquire("a"), false, "only the holder releases it");
  await leases.release("prune", "b");
  assert.equal(await acquire("a"), true);
  assert.equal(await leases.acquire("other", { holder: "b", durationMs: 1 }), true);
});

testOnDatabases("acquire() gives a lease to one of many that ask at once", async (db) => {
  const leases = new LeaseRepository(db, Date.now);
  const holders = Array.from({ length: 8 }, (_, index) => `holder-${index}`);
  const got = await Promise.all(holders.map((holder) => leases.acquire("prune", { holder, durationMs: 60_000 })));
  assert.equal(got.filter(Boolean).length, 1);
});

testOnDatabases("prune() removes what holders that died have left, and no lease that somebody has", async (db) => {
  const clock = new TestClock();
  const leases = new LeaseRepository(db, clock.now);
  await leases.acquire("alive:dead", { holder: "dead", durationMs: 10 });
  await leases.acquire("alive:slow", { holder: "slow", durationMs: 30 });
  clock.advance(40);
  await leases.acquire("alive:living", { holder: "living", durationMs: 10 });
  assert.equal(await leases.prune(clock.now() - 20), 1);
  const left = await db.selectFrom("leases").select("name").orderBy("name").execute();
  assert.deepEqual(left.map(({ name }) => name), ["alive:living", "alive:slow"]);
});
