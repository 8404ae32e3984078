import assert from "node:assert/strict";
import { openDatabase } from "./database.ts";
import { DatabaseMonitor, type DatabaseStatus } from "./database_monitor.ts";
import { PersistenceError } from "./errors.ts";
import { TestClock } from "./testing.ts";
import { MEMORY_DATABASE_URL } from "./database_url.ts";

const gone = () => new PersistenceError("database_unavailable", "Cannot reach database: gone");

Deno.test("status says since when the database is away, why, and since when it is back", async () => {
  await using db = openDatabase({ url: MEMORY_DATABASE_URL });
  const clock = new TestClock();
  using monitor = new DatabaseMonitor(clock.now);
  monitor.watch(db);
  const startMs = clock.now();
  const status = (): DatabaseStatus => monitor.status;
  assert.deepEqual(status(), { isAvailable: true, sinceMs: startMs, lastError: undefined });
  clock.advance(10);
  monitor.answered();
  assert.equal(status().sinceMs, startMs);
  monitor.unavailable(gone());
  clock.advance(10);
  monitor.unavailable(gone());
  assert.deepEqual(status(), {
    isAvailable: false,
    sinceMs: startMs + 10,
    lastError: "Cannot reach database: gone",
  });
  monitor.answered();
  const { isAvailable, sinceMs } = status();
  assert.deepEqual([isAvailable, sinceMs], [true, startMs + 20]);
});

Deno.test("mayAsk() lets one query through while the database is away", async () => {
  await using db = openDatabase({ url: MEMORY_DATABASE_URL });
  using monitor = new DatabaseMonitor();
  monitor.watch(db);
  assert.deepEqual([monitor.mayAsk(), monitor.mayAsk()], [true, true]);
  monitor.unavailable(gone());
  assert.deepEqual([monitor.mayAsk(), monitor.mayAsk(), monitor.mayAsk()], [true, false, false]);
  monitor.answered();
  assert.deepEqual([monitor.mayAsk(), monitor.mayAsk()], [true, true]);
});

Deno.test("mayAsk() lets everything through before the database is watched, so that the first error is the real one", () => {
  using monitor = new DatabaseMonitor();
  monitor.unavailable(gone());
  assert.deepEqual([monitor.mayAsk(), monitor.mayAsk()], [true, true]);
});
