import assert from "node:assert/strict";
import { FakeTime } from "../../shared/protocol/testing.ts";
import type { LeaseRepository, StoredRequestRepository } from "../persistence/mod.ts";
import { Sweeper } from "./sweeper.ts";

const KEEP_ALIVE_MS = 1_000;

/** A sweeper over a clock that the test moves; `acquire` says that it lives. */
function setUp() {
  const time = new FakeTime();
  let acquire = () => Promise.resolve(true);
  const leases = { acquire: () => acquire() } as Partial<LeaseRepository> as LeaseRepository;
  const requests = {
    recover: () => Promise.resolve(0),
    expire: () => Promise.resolve(0),
    listHeld: () => Promise.resolve([]),
    totals: () => Promise.resolve({ queued: 0, dead: 0, oldestAt: undefined }),
  } as Partial<StoredRequestRepository> as StoredRequestRepository;
  const sweeper = new Sweeper({
    requests,
    leases,
    peers: () => [],
    isHeld: () => false,
    running: () => [],
    missing: () => {},
    wake: () => {},
    swept: () => {},
    now: () => performance.now(),
  }, { originId: "here", keepAliveIntervalMs: KEEP_ALIVE_MS });
  return {
    time,
    sweeper,
    /** The database goes away. */
    lose(): void {
      acquire = () => Promise.reject(new Error("away"));
    },
    [Symbol.dispose]: () => time[Symbol.dispose](),
  };
}

Deno.test("mayHaveLost() is so for what was held while others took this origin for dead, and for nothing since", async () => {
  using test = setUp();
  await test.sweeper.sweep();
  const before = performance.now();
  test.time.pass(2 * KEEP_ALIVE_MS);
  assert.equal(test.sweeper.mayHaveLost(before), false);
  test.time.pass(1);
  assert.equal(test.sweeper.mayHaveLost(before), true);
  await test.sweeper.sweep();
  assert.deepEqual([before, performance.now()].map((sinceMs) => test.sweeper.mayHaveLost(sinceMs)), [true, false]);
});

Deno.test("mayHaveLost() is so as well when the database does not hear that this origin lives", async () => {
  using test = setUp();
  await test.sweeper.sweep();
  const before = performance.now();
  test.lose();
  test.time.pass(2 * KEEP_ALIVE_MS + 1);
  await test.sweeper.sweep();
  assert.equal(test.sweeper.mayHaveLost(before), true);
});
