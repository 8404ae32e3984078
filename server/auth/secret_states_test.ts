import assert from "node:assert/strict";
import { TestClock } from "../persistence/testing.ts";
import { SecretStates } from "./secret_states.ts";
import { withCode } from "./testing.ts";

const SECRET = { id: "s", tenantId: "t" };

function setUp(expiresAt: number | null = null) {
  const clock = new TestClock();
  const stored = new Map([["s", { tenantId: "t", expiresAt }]]);
  let reads = 0;
  let isAway = false;
  const source = {
    findById(id: string) {
      reads++;
      return isAway ? Promise.reject(new Error("database is away")) : Promise.resolve(stored.get(id));
    },
  };
  return {
    clock,
    stored,
    reads: () => reads,
    goAway: () => isAway = true,
    states: new SecretStates({ source, durationMs: 10_000, now: clock.now, monotonicNow: clock.monotonicNow }),
  };
}

Deno.test("isLive() is true for a tenant's own secret, until it expires", async () => {
  const { clock, states } = setUp(new TestClock().now() + 5_000);
  assert.equal(await states.isLive(SECRET), true);
  assert.equal(await states.isLive({ ...SECRET, tenantId: "other" }), false);
  assert.equal(await states.isLive({ ...SECRET, id: "unknown" }), false);
  clock.advance(5_000);
  assert.equal(await states.isLive(SECRET), false);
});

Deno.test("isLive() remembers for a while, and not what it is told to forget", async () => {
  const { clock, states, stored, reads } = setUp();
  for (let count = 0; count < 10; count++) await states.isLive(SECRET);
  assert.equal(reads(), 1);
  stored.clear();
  clock.advance(9_999);
  assert.equal(await states.isLive(SECRET), true);
  states.forget("s");
  assert.equal(await states.isLive(SECRET), false);
  assert.equal(reads(), 2);
});

Deno.test("isLive() notices within the time that a secret was removed elsewhere", async () => {
  const { clock, states, stored } = setUp();
  await states.isLive(SECRET);
  stored.clear();
  clock.advance(10_000);
  assert.equal(await states.isLive(SECRET), false);
});

Deno.test("isLive() remembers no longer because the clock was set back", async () => {
  const { clock, states, stored } = setUp();
  await states.isLive(SECRET);
  stored.clear();
  clock.setBack(3_600_000);
  clock.advance(10_000);
  assert.equal(await states.isLive(SECRET), false);
});

Deno.test("isLive() does not remember a secret that is removed while it is read", async () => {
  const { states, stored, reads } = setUp();
  const reading = states.isLive(SECRET);
  stored.clear();
  states.forget("s");
  await reading;
  assert.equal(await states.isLive(SECRET), false);
  assert.equal(reads(), 2);
});

Deno.test("isLive() goes on with what was known last while the database is away, and makes nothing up", async () => {
  const { clock, states, goAway } = setUp();
  await states.isLive(SECRET);
  goAway();
  clock.advance(3_600_000);
  assert.equal(await states.isLive(SECRET), true);
  await assert.rejects(states.isLive({ ...SECRET, id: "never read" }), withCode("authentication_unavailable"));
});
