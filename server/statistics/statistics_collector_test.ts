import assert from "node:assert/strict";
import { type StatisticsEntry, StatisticsRepository } from "../persistence/mod.ts";
import { memoryDatabase, TestClock } from "../persistence/testing.ts";
import { MinuteTotals } from "./minute_totals.ts";
import { StatisticsCollector } from "./statistics_collector.ts";
import { FakeStore, relayedRequest } from "./testing.ts";

Deno.test("StatisticsCollector adds what it counted in a minute to what other origins counted", async () => {
  await using db = await memoryDatabase();
  const repository = new StatisticsRepository(db);
  const clock = new TestClock();
  clock.advance(30_000);
  const collectors = [1, 2].map(() => new StatisticsCollector(repository, { now: clock.now }));
  for (const collector of collectors) {
    collector.requestEnded(relayedRequest({ durationMs: 10 }));
    collector.requestEnded(relayedRequest({ durationMs: 30, outcome: "failed", errorCode: "connector_lost" }));
    collector.requestEnded(relayedRequest({ outcome: "errored", errorCode: "internal_error" }));
    collector.requestEnded(relayedRequest({ outcome: "expired", errorCode: "request_expired" }));
    collector.requestEnded(relayedRequest({ outcome: "aborted", errorCode: "client_gone" }));
  }
  for (const collector of collectors) await collector.close({ timeoutMs: 1_000 });
  const { tenantId } = relayedRequest();
  const start = Date.UTC(2026, 0, 1);
  const found = await repository.find({
    tenantId: tenantId!,
    target: "erp",
    fromMs: start,
    toMs: start + 60_000,
    resolutionMs: 60_000,
  });
  assert.deepEqual(found, [{
    intervalStart: start,
    requests: 10,
    errors: 4,
    expired: 2,
    aborted: 2,
    requestBytes: 100,
    responseBytes: 220,
    durationMsSum: 2 * (10 + 30 + 3 * 12.5),
    durationMsMax: 30,
  }]);
});

Deno.test("StatisticsCollector writes a minute when it is over, without being asked", async () => {
  const store = new FakeStore<StatisticsEntry>();
  // Ten milliseconds before a minute ends.
  const collector = new StatisticsCollector({ add: store.write }, { now: () => 119_990 });
  collector.requestEnded(relayedRequest());
  await store.until(() => store.batches.length > 0);
  assert.equal(store.rows[0]!.intervalStart, 60_000);
  await collector.close({ timeoutMs: 1_000 });
});

Deno.test("StatisticsCollector does not count requests to tenants that do not exist", async () => {
  const store = new FakeStore<StatisticsEntry>();
  const collector = new StatisticsCollector({ add: store.write }, { now: Date.now });
  collector.requestEnded(relayedRequest({ tenantId: undefined, errorCode: "tenant_unknown" }));
  await collector.close({ timeoutMs: 1_000 });
  assert.equal(store.attempts, 0);
});

Deno.test("StatisticsCollector writes again when the database was away, and drops what it gives up", async () => {
  const store = new FakeStore<StatisticsEntry>();
  const collector = new StatisticsCollector({ add: store.write }, { now: Date.now });
  store.failures = 1;
  collector.requestEnded(relayedRequest());
  collector.endMinute();
  await store.until(() => store.batches.length === 1);
  store.failures = 1;
  store.code = "query_failed";
  collector.requestEnded(relayedRequest());
  collector.endMinute();
  await store.until(() => store.attempts === 3);
  await collector.close({ timeoutMs: 1_000 });
  assert.deepEqual([store.rows.length, collector.dropped], [1, 1]);
});

Deno.test("StatisticsCollector keeps a limited number of entries while the database is away", async () => {
  const store = new FakeStore<StatisticsEntry>();
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const collector = new StatisticsCollector({ add: store.write }, { now: Date.now, maxPendingEntries: 3 });
  for (let minute = 0; minute < 5; minute++) {
    collector.requestEnded(relayedRequest());
    collector.endMinute();
  }
  assert.equal(collector.dropped, 2);
  gate.resolve();
  await collector.close({ timeoutMs: 1_000 });
  assert.equal(store.rows.length, 3);
});

Deno.test("StatisticsCollector.close() gives up after its time", async () => {
  const store = new FakeStore<StatisticsEntry>();
  store.failures = Infinity;
  const collector = new StatisticsCollector({ add: store.write }, { now: Date.now });
  collector.requestEnded(relayedRequest());
  await collector.close({ timeoutMs: 10 });
  assert.equal(collector.dropped, 1);
});

Deno.test("MinuteTotals gives made-up targets no entry of their own", () => {
  const totals = new MinuteTotals(0);
  for (let index = 0; index < 50; index++) {
    const made = { target: `made-up-${index}`, connectionId: undefined, outcome: "failed" as const };
    totals.add("t", relayedRequest({ ...made, errorCode: "target_unknown" }));
  }
  totals.add("t", relayedRequest({ target: "ERP" }));
  totals.add("t", relayedRequest({ target: "erp", connectionId: undefined, errorCode: "access_denied" }));
  assert.deepEqual(totals.entries().map(({ target, requests }) => [target, requests]), [["_other", 50], ["erp", 2]]);
});

Deno.test("MinuteTotals has an entry for each of a hundred targets of a tenant, and one for the others", () => {
  const totals = new MinuteTotals(0);
  for (let index = 0; index < 150; index++) totals.add("t", relayedRequest({ target: `target-${index}` }));
  const entries = totals.entries();
  assert.equal(entries.length, 101);
  assert.equal(entries.find(({ target }) => target === "_other")?.requests, 50);
});

Deno.test("MinuteTotals stays within its size, and forgets no request", () => {
  const totals = new MinuteTotals(0);
  for (let tenant = 0; tenant < 500; tenant++) {
    for (let index = 0; index < 60; index++) totals.add(`${tenant}`, relayedRequest({ target: `target-${index}` }));
  }
  const entries = totals.entries();
  assert.ok(entries.length <= 20_500, `${entries.length} entries`);
  assert.equal(entries.reduce((sum, { requests }) => sum + requests, 0), 30_000);
});
