import assert from "node:assert/strict";
import { OriginRepository } from "./origins.ts";
import { TestClock, testOnDatabases } from "./testing.ts";

testOnDatabases("save() writes an origin, and writes it anew", async (db) => {
  const clock = new TestClock();
  const origins = new OriginRepository(db, clock.now);
  const origin = {
    id: "o1",
    machineName: "host",
    version: "1.0.0",
    publicUrl: null,
    state: "ready",
    connections: 3,
    startedAt: clock.now(),
  } as const;
  await origins.save(origin);
  assert.deepEqual(await origins.list(), [{ ...origin, lastSeenAt: clock.now() }]);
  clock.advance(7);
  const later = { ...origin, state: "draining", connections: 0, publicUrl: "https://relay.example" } as const;
  await origins.save(later);
  assert.deepEqual(await origins.list(), [{ ...later, lastSeenAt: clock.now() }]);
});

testOnDatabases("list() gives the latest first, prune() removes those not seen", async (db) => {
  const clock = new TestClock();
  const origins = new OriginRepository(db, clock.now);
  const origin = { machineName: "h", version: "1", publicUrl: null, state: "ready", connections: 0 } as const;
  await origins.save({ ...origin, id: "old", startedAt: 1 });
  clock.advance(10);
  await origins.save({ ...origin, id: "new", startedAt: 2 });
  assert.deepEqual((await origins.list()).map(({ id }) => id), ["new", "old"]);
  assert.equal(await origins.prune(clock.now()), 1);
  assert.deepEqual((await origins.list()).map(({ id }) => id), ["new"]);
});
