import assert from "node:assert/strict";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import { Expiration } from "./expiration.ts";

const TIMEOUT_MS = 1000;

/** An expiration that counts how often it expired. */
function watched() {
  const time = new FakeTime();
  const deadlines = new Deadlines(TIMEOUT_MS);
  const expiration = new Expiration(deadlines);
  const seen = { expired: 0 };
  return {
    time,
    expiration,
    seen,
    start: () => expiration.start(() => void seen.expired++),
    [Symbol.dispose]() {
      deadlines[Symbol.dispose]();
      time[Symbol.dispose]();
    },
  };
}

Deno.test("Expiration expires once, when its time is over", () => {
  using test = watched();
  test.start();
  test.time.pass(TIMEOUT_MS - 1);
  assert.equal(test.seen.expired, 0);
  test.time.pass(1);
  assert.equal(test.seen.expired, 1);
  test.time.pass(10 * TIMEOUT_MS);
  assert.equal(test.seen.expired, 1);
});

Deno.test("Expiration.extend() starts the time anew, as often as it is called", () => {
  using test = watched();
  test.start();
  for (let count = 0; count < 5; count++) {
    test.time.pass(TIMEOUT_MS - 1);
    test.expiration.extend();
  }
  assert.equal(test.seen.expired, 0);
  test.time.pass(TIMEOUT_MS);
  assert.equal(test.seen.expired, 1);
});

Deno.test("Expiration.extend() does nothing before start, and after disposal", () => {
  using test = watched();
  test.expiration.extend();
  test.time.pass(2 * TIMEOUT_MS);
  test.start();
  test.expiration[Symbol.dispose]();
  test.expiration.extend();
  test.time.pass(2 * TIMEOUT_MS);
  assert.equal(test.seen.expired, 0);
});

Deno.test("Expiration may be disposed before it was started, and twice", () => {
  using test = watched();
  test.expiration[Symbol.dispose]();
  test.start();
  test.expiration[Symbol.dispose]();
  test.expiration[Symbol.dispose]();
  test.time.pass(2 * TIMEOUT_MS);
  assert.equal(test.seen.expired, 0);
});
