import assert from "node:assert/strict";
import { FakeTime, settle } from "../../shared/protocol/testing.ts";
import { PersistenceError } from "./errors.ts";
import { retryWrite } from "./retry_write.ts";

const away = () => new PersistenceError("database_unavailable", "Cannot reach database: it is away");
const quick = { giveUpAfterMs: 5_000, minimumDelayMs: 1, maximumDelayMs: 2 };

/** A write that fails so many times. */
function failing(times: number, error: () => Error = away) {
  let attempts = 0;
  const write = () => ++attempts <= times ? Promise.reject(error()) : Promise.resolve();
  return { write, attempts: () => attempts };
}

Deno.test("retryWrite() repeats a write until the database is back", async () => {
  const { write, attempts } = failing(5);
  assert.equal(await retryWrite(write, quick), true);
  assert.equal(attempts(), 6);
});

Deno.test("retryWrite() gives up when the time is over", async () => {
  const { write, attempts } = failing(Infinity);
  assert.equal(await retryWrite(write, { ...quick, giveUpAfterMs: 10 }), false);
  assert.ok(attempts() >= 2);
  assert.equal(await retryWrite(write, { ...quick, giveUpAfterMs: 0 }), false);
});

Deno.test("retryWrite() gives up at once when it is told to", async () => {
  const stop = new AbortController();
  const { write, attempts } = failing(Infinity);
  const writing = retryWrite(write, { giveUpAfterMs: 60_000, minimumDelayMs: 30_000, signal: stop.signal });
  stop.abort();
  assert.equal(await writing, false);
  assert.equal(attempts(), 1);
  assert.equal(await retryWrite(write, { ...quick, signal: stop.signal }), false);
  assert.equal(attempts(), 1);
});

Deno.test("retryWrite() tries again within 2 s, however long the database was away: a server that stops waits 5 s for its writes", async () => {
  using time = new FakeTime();
  const startedAtMs = performance.now();
  let isAway = true;
  let isWritten = false;
  const write = () => {
    if (!isAway) return Promise.resolve();
    isAway = performance.now() < startedAtMs + 60_000;
    return Promise.reject(away());
  };
  void retryWrite(write, { giveUpAfterMs: 600_000 }).then(() => void (isWritten = true));
  const pass = async (durationMs: number) => {
    await settle();
    time.pass(durationMs);
    await settle();
  };
  while (isAway) await pass(10);
  await pass(2_000);
  assert.equal(isWritten, true);
});

Deno.test("retryWrite() does not repeat what fails for another reason", async () => {
  for (const error of [new PersistenceError("query_failed", "Cannot run query: no such table"), new TypeError("bug")]) {
    const { write, attempts } = failing(Infinity, () => error);
    await assert.rejects(retryWrite(write, quick), error);
    assert.equal(attempts(), 1);
  }
});
