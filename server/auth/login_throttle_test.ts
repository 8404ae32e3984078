import assert from "node:assert/strict";
import { TestClock } from "../persistence/testing.ts";
import { LoginThrottle, type LoginThrottleLimits, ThrottledError } from "./login_throttle.ts";

const ANN = { account: "ann", clientAddress: "192.0.2.1" };

/** A throttle, its clock, and attempts that fail or succeed. */
function setUp(limits: Partial<LoginThrottleLimits> = {}) {
  const clock = new TestClock();
  const throttle = new LoginThrottle({ now: clock.now, limits });
  const wrong = () => Promise.resolve(undefined);
  const right = () => Promise.resolve("user");
  const fail = async (attempt: typeof ANN, times = 1) => {
    for (let index = 0; index < times; index++) assert.equal(await throttle.run(attempt, wrong), undefined);
  };
  const waitOf = async (attempt: typeof ANN): Promise<number> => {
    try {
      await throttle.run(attempt, right);
      return 0;
    } catch (error) {
      assert.ok(error instanceof ThrottledError);
      return error.retryAfterSeconds;
    }
  };
  return { clock, throttle, fail, waitOf, right, wrong };
}

Deno.test("run() makes an account wait longer and longer after five failures from an address", async () => {
  const { clock, throttle, fail, wrong } = setUp();
  await fail(ANN, 5);
  for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
    await assert.rejects(
      throttle.run(ANN, wrong),
      (error) => error instanceof ThrottledError && error.retryAfterSeconds === seconds,
    );
    clock.advance(seconds * 1_000 - 1);
    await assert.rejects(throttle.run(ANN, wrong), ThrottledError);
    clock.advance(1);
    await fail(ANN);
  }
});

Deno.test("run() does not punish others behind the address, nor the account elsewhere", async () => {
  const { fail, waitOf } = setUp();
  await fail(ANN, 5);
  assert.equal(await waitOf({ ...ANN, account: "ANN" }), 1);
  assert.equal(await waitOf({ ...ANN, account: "bob" }), 0);
  assert.equal(await waitOf({ ...ANN, clientAddress: "192.0.2.2" }), 0);
});

Deno.test("run() forgets failures after a success, and after half an hour", async () => {
  const { clock, fail, waitOf } = setUp();
  await fail(ANN, 4);
  assert.equal(await waitOf(ANN), 0);
  await fail(ANN, 5);
  assert.equal(await waitOf(ANN), 1);
  clock.advance(1_800_000);
  await fail(ANN, 5);
  assert.equal(await waitOf(ANN), 1);
});

Deno.test("run() slows guessing from everywhere, but not the owner where she has logged in before", async () => {
  const { fail, waitOf } = setUp({ freePerAccount: 50 });
  assert.equal(await waitOf(ANN), 0);
  for (let index = 0; index < 50; index++) await fail({ ...ANN, clientAddress: `198.51.100.${index}` });
  assert.equal(await waitOf({ ...ANN, clientAddress: "203.0.113.1" }), 1);
  assert.equal(await waitOf(ANN), 0);
  assert.equal(await waitOf({ account: "bob", clientAddress: "203.0.113.1" }), 0);
});

Deno.test("run() counts attempts that are made at once", async () => {
  const { throttle } = setUp({ maximumWaiting: 100 });
  const slow = Promise.withResolvers<undefined>();
  const attempts = Array.from({ length: 20 }, () => throttle.run(ANN, () => slow.promise));
  const outcomes = Promise.allSettled(attempts);
  slow.resolve(undefined);
  assert.equal((await outcomes).filter(({ status }) => status === "fulfilled").length, 5);
});

Deno.test("run() makes two at a time, and refuses when too many wait", async () => {
  const { throttle } = setUp({ concurrency: 2, maximumWaiting: 3 });
  const slow = Promise.withResolvers<string>();
  let running = 0;
  const attempts = Array.from(
    { length: 6 },
    (_, index) =>
      throttle.run({ account: `user ${index}`, clientAddress: "192.0.2.1" }, () => {
        running++;
        return slow.promise;
      }),
  );
  const outcomes = Promise.allSettled(attempts);
  await assert.rejects(attempts[5]!, ThrottledError);
  assert.equal(running, 2);
  slow.resolve("user");
  assert.deepEqual((await outcomes).map(({ status }) => status), [...Array(5).fill("fulfilled"), "rejected"]);
  assert.equal(running, 5);
});

Deno.test("run() holds nothing against an account when the password could not be compared", async () => {
  const { throttle, waitOf } = setUp();
  for (let index = 0; index < 20; index++) {
    await assert.rejects(throttle.run(ANN, () => Promise.reject(new Error("database is away"))), /database is away/);
  }
  assert.equal(await waitOf(ANN), 0);
});

Deno.test("run() forgets what was tried longest ago when there is too much to remember", async () => {
  const { fail, waitOf } = setUp({ maximumEntries: 10 });
  await fail(ANN, 5);
  for (let index = 0; index < 10; index++) await fail({ ...ANN, account: `user ${index}` });
  assert.equal(await waitOf(ANN), 0);
});

Deno.test("run() makes nobody wait longer because the clock was set back", async () => {
  const { clock, fail, waitOf } = setUp();
  await fail(ANN, 5);
  clock.advance(-3_600_000);
  assert.equal(await waitOf(ANN), 1);
  clock.advance(1_000);
  assert.equal(await waitOf(ANN), 0);
});
