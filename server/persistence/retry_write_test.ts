import assert from "node:assert/strict";
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

Deno.test("retryWrite() does not repeat what fails for another reason", async () => {
  for (const error of [new PersistenceError("query_failed", "Cannot run query: no such table"), new TypeError("bug")]) {
    const { write, attempts } = failing(Infinity, () => error);
    await assert.rejects(retryWrite(write, quick), error);
    assert.equal(attempts(), 1);
  }
});
