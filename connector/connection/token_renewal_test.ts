import assert from "node:assert/strict";
import { FakeTime } from "../../shared/protocol/testing.ts";
import type { AccessToken } from "./token.ts";
import { TokenRenewal } from "./token_renewal.ts";

/** Renewal over a clock that the test moves; `answers` are the lifetimes of the tokens given out, errors are thrown. */
function renew(lifetimeMs: number, answers: (number | Error)[]) {
  const time = new FakeTime();
  const realNow = Date.now;
  let setByMs = 0;
  Date.now = () => performance.now() + setByMs;
  const startedAtMs = performance.now();
  const told: string[] = [];
  const issue = (token: string, lifetimeMs: number): AccessToken => ({ token, expiresAt: Date.now() + lifetimeMs });
  let fetches = 0;
  const renewal = new TokenRenewal(issue("first", lifetimeMs), {
    fetch() {
      const answer = answers.shift() ?? assert.fail("fetched once more");
      fetches++;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(issue(`renewed ${fetches}`, answer));
    },
    send: (token) => void told.push(`${performance.now() - startedAtMs}: ${token}`),
    failed: (error, retryMs) =>
      void told.push(`${performance.now() - startedAtMs}: ${(error as Error).message}, again in ${retryMs}`),
  });
  return {
    time,
    told,
    renewal,
    /** Lets time pass, and what it starts run to its end. */
    async pass(durationMs: number): Promise<void> {
      time.pass(durationMs);
      for (let count = 0; count < 10; count++) await Promise.resolve();
    },
    /** Somebody sets the machine's clock. */
    setClock(byMs: number): void {
      setByMs += byMs;
    },
    [Symbol.dispose]() {
      renewal[Symbol.dispose]();
      assert.equal(time.timers, 0);
      Date.now = realNow;
      time[Symbol.dispose]();
    },
  };
}

Deno.test("TokenRenewal renews when three quarters of a lifetime are over, again and again", async () => {
  using test = renew(100_000, [200_000, 100_000]);
  await test.pass(74_999);
  assert.deepEqual(test.told, []);
  await test.pass(1);
  await test.pass(150_000);
  assert.deepEqual(test.told, ["75000: renewed 1", "225000: renewed 2"]);
});

Deno.test("TokenRenewal tries again in a quarter of what is left, at least a second, and goes on when it succeeds", async () => {
  const no = new Error("no");
  using test = renew(100_000, [no, no, 100_000, 100_000]);
  for (const durationMs of [75_000, 6250, 4687.5, 75_000]) await test.pass(durationMs);
  assert.deepEqual(test.told, [
    "75000: no, again in 6250",
    "81250: no, again in 4687.5",
    "85937.5: renewed 3",
    "160937.5: renewed 4",
  ]);
});

Deno.test("TokenRenewal keeps trying once a second when the token has expired", async () => {
  const no = new Error("no");
  using test = renew(2000, [no, no, no, 10_000]);
  for (const durationMs of [1500, 1000, 1000, 1000]) await test.pass(durationMs);
  assert.deepEqual(test.told, [
    "1500: no, again in 1000",
    "2500: no, again in 1000",
    "3500: no, again in 1000",
    "4500: renewed 4",
  ]);
});

Deno.test("TokenRenewal does not flood an authorization server whose tokens never hold", async () => {
  using test = renew(0, [0, 0, 0]);
  for (let count = 0; count < 30; count++) await test.pass(100);
  assert.deepEqual(test.told, ["1000: renewed 1", "2000: renewed 2", "3000: renewed 3"]);
});

Deno.test("TokenRenewal stays within what timers can take, also when it tries again", async () => {
  const years = 10 * 365 * 24 * 3600 * 1000;
  using test = renew(years, [new Error("no"), years]);
  await test.pass(2_147_483_646);
  assert.deepEqual(test.told, []);
  await test.pass(1);
  assert.deepEqual(test.told, ["2147483647: no, again in 2147483647"]);
});

Deno.test("TokenRenewal does nothing more once it is disposed, not even with a token on its way", async () => {
  for (const answer of [100_000, new Error("no")]) {
    using test = renew(100_000, [answer]);
    test.time.pass(75_000);
    test.renewal[Symbol.dispose]();
    await test.pass(1_000_000);
    assert.deepEqual(test.told, []);
  }
});

for (const byMs of [-365 * 24 * 60 * 60_000, 365 * 24 * 60 * 60_000]) {
  Deno.test(`TokenRenewal tries again in time when the machine's clock was set ${byMs < 0 ? "back" : "forward"}`, async () => {
    using test = renew(100_000, [new Error("no"), 100_000]);
    test.setClock(byMs);
    for (const durationMs of [75_000, 6250]) await test.pass(durationMs);
    assert.deepEqual(test.told, ["75000: no, again in 6250", "81250: renewed 2"]);
  });
}
