import assert from "node:assert/strict";
import { type StatisticsEntry, StatisticsRepository } from "./statistics.ts";
import { TenantRepository } from "./tenants.ts";
import { testOnDatabases } from "./testing.ts";

const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 0, 1, 12);

function entry(changes: Partial<StatisticsEntry> = {}): StatisticsEntry {
  return {
    tenantId: "t1",
    target: "erp",
    intervalStart: START,
    requests: 10,
    errors: 1,
    expired: 2,
    aborted: 3,
    requestBytes: 2 ** 40,
    responseBytes: 5,
    durationMsSum: 1.5,
    durationMsMax: 0.75,
    ...changes,
  };
}

const range = { fromMs: START, toMs: START + 60 * MINUTE_MS, resolutionMs: MINUTE_MS };

testOnDatabases("add() adds to what is there and keeps the longest duration", async (db) => {
  const statistics = new StatisticsRepository(db);
  await statistics.add([entry()]);
  await statistics.add([entry({ durationMsMax: 0.5 }), entry({ durationMsMax: 1.25 })]);
  await statistics.add([]);
  assert.deepEqual(await statistics.find(range), [{
    intervalStart: START,
    requests: 30,
    errors: 3,
    expired: 6,
    aborted: 9,
    requestBytes: 3 * 2 ** 40,
    responseBytes: 15,
    durationMsSum: 4.5,
    durationMsMax: 1.25,
  }]);
});

testOnDatabases("add() loses nothing when several servers add at once", async (db) => {
  const statistics = new StatisticsRepository(db);
  const entries = Array.from({ length: 40 }, (_, index) => entry({ target: `target-${index % 20}` }));
  await Promise.all([entries, entries.toReversed(), entries].map((some) => statistics.add(some)));
  const [interval] = await statistics.find(range);
  assert.equal(interval?.requests, 1_200);
});

testOnDatabases("find() sums up to the resolution, of a tenant and a target or of all", async (db) => {
  const statistics = new StatisticsRepository(db);
  await statistics.add([
    entry(),
    entry({ intervalStart: START + 4 * MINUTE_MS, requests: 1 }),
    entry({ intervalStart: START + 5 * MINUTE_MS, requests: 2, target: "crm" }),
    entry({ intervalStart: START + 6 * MINUTE_MS, requests: 4, tenantId: "t2" }),
    entry({ intervalStart: START - MINUTE_MS }),
    entry({ intervalStart: START + 60 * MINUTE_MS }),
  ]);
  const found = async (changes: Partial<Parameters<typeof statistics.find>[0]>) =>
    (await statistics.find({ ...range, ...changes })).map(({ intervalStart, requests }) => [intervalStart, requests]);
  const five = { resolutionMs: 5 * MINUTE_MS };
  assert.deepEqual(await found(five), [[START, 11], [START + 5 * MINUTE_MS, 6]]);
  assert.deepEqual(await found({ ...five, tenantId: "t1" }), [[START, 11], [START + 5 * MINUTE_MS, 2]]);
  assert.deepEqual(await found({ ...five, tenantId: "t1", target: "erp" }), [[START, 11]]);
  assert.deepEqual(await found({ tenantId: "t3" }), []);
});

testOnDatabases("find() finds a target however it is spelled", async (db) => {
  const statistics = new StatisticsRepository(db);
  await statistics.add([entry(), entry({ target: "crm" })]);
  const [interval] = await statistics.find({ ...range, target: "ERP" });
  assert.equal(interval?.requests, 10);
});

testOnDatabases("find() and add() refuse what is not a number of whole minutes", async (db) => {
  const statistics = new StatisticsRepository(db);
  for (const resolutionMs of [0, -MINUTE_MS, 1, MINUTE_MS + 1, NaN, Infinity]) {
    await assert.rejects(statistics.find({ ...range, resolutionMs }), RangeError, `${resolutionMs}`);
  }
  await assert.rejects(statistics.add([entry({ intervalStart: START + 1 })]), RangeError);
});

testOnDatabases("prune() removes the oldest rows, so many at a time", async (db) => {
  const statistics = new StatisticsRepository(db);
  for (const target of ["a", "b"]) {
    await statistics.add([0, 1, 2, 3].map((minute) => entry({ target, intervalStart: START + minute * MINUTE_MS })));
  }
  assert.equal(await statistics.prune(START + 3 * MINUTE_MS, 4), 4);
  assert.equal((await statistics.find(range)).length, 2);
  assert.equal(await statistics.prune(START + 3 * MINUTE_MS, 4), 2);
  assert.equal(await statistics.prune(START + 3 * MINUTE_MS, 4), 0);
  assert.equal((await statistics.find(range)).length, 1);
});

testOnDatabases("sumUp() makes hours of old minutes, so many at a time, and every sum stays", async (db) => {
  const statistics = new StatisticsRepository(db);
  const minutes = [0, 1, 59, 60, 61, 125];
  for (const target of ["a", "b"]) {
    await statistics.add(
      minutes.map((minute, index) =>
        entry({ target, intervalStart: START + minute * MINUTE_MS, durationMsMax: index })
      ),
    );
  }
  const hours = { fromMs: START, toMs: START + 24 * 60 * MINUTE_MS, resolutionMs: 60 * MINUTE_MS };
  const before = await statistics.find(hours);
  assert.equal(await statistics.sumUp(START + 120 * MINUTE_MS, 4), 4);
  assert.equal(await statistics.sumUp(START + 120 * MINUTE_MS, 4), 2);
  assert.equal(await statistics.sumUp(START + 120 * MINUTE_MS, 4), 0);
  assert.deepEqual(await statistics.find(hours), before);
  const starts = (await statistics.find({ ...hours, resolutionMs: MINUTE_MS })).map(({ intervalStart }) =>
    intervalStart
  );
  assert.deepEqual(starts, [0, 60, 125].map((minute) => START + minute * MINUTE_MS));
});

testOnDatabases("findTargets() gives the targets with the most first, those with none of it left out", async (db) => {
  const statistics = new StatisticsRepository(db);
  const { id: tenantId } = await new TenantRepository(db, Date.now).insert("acme");
  const quick = { target: "quick", requests: 100, errors: 0, expired: 0, durationMsSum: 100 };
  const slow = { target: "slow", requests: 2, errors: 1, expired: 0, durationMsSum: 90 };
  await statistics.add([
    entry({ tenantId, ...quick }),
    entry({ tenantId, ...quick, intervalStart: START + MINUTE_MS }),
    entry({ tenantId, ...slow }),
    entry({ tenantId: "gone", target: "other", requests: 7, errors: 3, expired: 1, durationMsSum: 7 }),
    entry({ tenantId, target: "late", intervalStart: range.toMs }),
  ]);
  const names = async (order: "requests" | "errors" | "averageDuration", tenantId?: string) =>
    (await statistics.findTargets({ ...range, order, tenantId, take: 10 })).map(({ target }) => target);
  assert.deepEqual(await names("requests"), ["quick", "other", "slow"]);
  assert.deepEqual(await names("errors"), ["other", "slow"]);
  assert.deepEqual(await names("averageDuration", tenantId), ["slow", "quick"]);
  const [first, second] = await statistics.findTargets({ ...range, order: "requests", take: 2 });
  assert.deepEqual([first?.tenantName, first?.requests, second?.tenantName], ["acme", 200, null]);
});
