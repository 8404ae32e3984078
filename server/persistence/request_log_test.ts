import assert from "node:assert/strict";
import { PostgresAdapter, sql } from "kysely";
import type { LoggedRequest } from "./logged_request.ts";
import { REQUEST_SEARCH_LIMIT, RequestLogRepository } from "./request_log.ts";
import { loggedRequest, testOnDatabases } from "./testing.ts";

const START = Date.UTC(2026, 0, 1);

function request(differences: Partial<LoggedRequest> = {}): LoggedRequest {
  return loggedRequest({
    ...{ startedAt: START, tenantId: "t1", originId: "o1", connectionId: "c1" },
    ...{ requestBytes: 0, relayedRequestBytes: 1, responseBytes: 2 ** 40, relayedResponseBytes: 3 },
    ...{ durationMs: 1.625, path: "/a/b" },
    ...differences,
  });
}

testOnDatabases("insertMany() keeps every field, findById() finds it", async (db) => {
  const log = new RequestLogRepository(db);
  const full = request({
    durationMs: 0.1234567890123,
    status: 502,
    outcome: "failed",
    errorCode: "target_unreachable",
  });
  const bare = request({ tenantId: null, connectionId: null, policyReason: "denied by rule 1", path: "/ü'\"%_\\" });
  await log.insertMany([full, bare]);
  await log.insertMany([]);
  assert.deepEqual(await log.findById(full.id), full);
  assert.deepEqual(await log.findById(bare.id), bare);
  assert.equal(await log.findById("unknown"), undefined);
});

testOnDatabases("insertMany() can be repeated", async (db) => {
  const log = new RequestLogRepository(db);
  const requests = [request(), request()];
  await log.insertMany(requests);
  await log.insertMany([...requests, request()]);
  assert.equal((await log.find()).totalCount, 3);
});

testOnDatabases("insertMany() does not lose a batch to a NUL in a path", async (db) => {
  const log = new RequestLogRepository(db);
  const odd = request({ path: "/\0", target: "x\0" });
  await log.insertMany([odd, request()]);
  assert.deepEqual(await log.findById(odd.id), { ...odd, path: "/\uFFFD", target: "x\uFFFD" });
  assert.equal((await log.find()).totalCount, 2);
});

testOnDatabases("find() gives the newest first and pages", async (db) => {
  const log = new RequestLogRepository(db);
  const requests = Array.from({ length: 300 }, (_, index) => request({ startedAt: START + index }));
  await log.insertMany(requests);
  const found = async (options: Parameters<typeof log.find>[0]) =>
    (await log.find(options)).results.map(({ startedAt }) => startedAt - START);
  assert.deepEqual(await found({ take: 2 }), [299, 298]);
  assert.deepEqual(await found({ skip: 298, take: 9 }), [1, 0]);
  assert.deepEqual(await found({ skip: 300, take: 9 }), []);
  assert.deepEqual((await log.find()).results, requests.toReversed());
});

testOnDatabases("find() goes by the bytes of ids, in whatever language the database was made", async (db) => {
  if (db.getExecutor().adapter instanceof PostgresAdapter) {
    const { rows } = await sql<{ collation_name: string | null }>`select collation_name from information_schema.columns
      where table_name = 'requests' and column_name = 'id'`.execute(db);
    assert.deepEqual(rows, [{ collation_name: "C" }]);
  }
  const log = new RequestLogRepository(db);
  // In Danish "aa" comes behind "z".
  const times = [0x1_9a_9f_ff, 0x1_9a_a0_00, 0x1_9a_b0_00].map((time) => time * 2 ** 16);
  await log.insertMany(times.map((startedAt) => request({ startedAt })));
  const found = await log.find({ filter: { toMs: times[2]! } });
  assert.deepEqual(found.results.map(({ startedAt }) => startedAt), [times[1], times[0]]);
});

testOnDatabases("find() filters by every condition, and by all of them together", async (db) => {
  const log = new RequestLogRepository(db);
  const odd = request({
    tenantId: "t2",
    originId: "o2",
    connectionId: "c2",
    startedAt: START + 50,
    target: "crm",
    method: "PUT",
    path: "/Orders/100%_x",
    clientAddress: "2001:db8::1",
    status: 504,
    outcome: "expired",
    errorCode: "request_expired",
  });
  await log.insertMany([request(), request({ startedAt: START + 100 }), odd]);
  const filters = [
    { tenantId: "t2" },
    { outcomes: ["expired", "failed"] },
    { fromMs: START + 50, toMs: START + 100 },
    { originId: "o2" },
    { connectionId: "c2" },
    { target: "crm" },
    { method: "PUT" },
    { clientAddress: "2001:db8::1" },
    { errorCode: "request_expired" },
    { minimumStatus: 500 },
    { minimumStatus: 504, maximumStatus: 504 },
    { path: "orders/100%_" },
  ] as const;
  for (const filter of filters) {
    const { results, totalCount } = await log.find({ filter });
    assert.deepEqual([results, totalCount], [[odd], 1], JSON.stringify(filter));
  }
  assert.equal((await log.find({ filter: Object.assign({}, ...filters) })).totalCount, 1);
  assert.equal((await log.find({ filter: { outcomes: ["succeeded", "expired"] } })).totalCount, 3);
  assert.equal((await log.find({ filter: { outcomes: [] } })).totalCount, 0);
  assert.equal((await log.find({ filter: { maximumStatus: 200 } })).totalCount, 2);
});

testOnDatabases("find() takes a filter literally when it looks like SQL", async (db) => {
  const log = new RequestLogRepository(db);
  await log.insertMany([request()]);
  for (const text of ["' or 1=1 --", "%", "_", "\\", '"; drop table requests; --']) {
    assert.equal((await log.find({ filter: { path: text } })).totalCount, 0, text);
    assert.equal((await log.find({ filter: { tenantId: text } })).totalCount, 0, text);
  }
  assert.equal((await log.find()).totalCount, 1);
});

testOnDatabases("find() looks at a limited number of requests and says how to go on", async (db) => {
  const log = new RequestLogRepository(db);
  const count = REQUEST_SEARCH_LIMIT + 10;
  const requests = Array.from(
    { length: count },
    (_, index) => request({ startedAt: START + index, method: index === 3 || index === count - 1 ? "PUT" : "GET" }),
  );
  await log.insertMany(requests);
  const filter = { method: "PUT" };
  const newest = await log.find({ filter });
  assert.deepEqual(newest, { results: [requests.at(-1)], totalCount: 1, continueBeforeMs: START + 10 });
  const older = await log.find({ filter: { ...filter, toMs: newest.continueBeforeMs! } });
  assert.deepEqual(older, { results: [requests[3]], totalCount: 1, continueBeforeMs: undefined });
});

testOnDatabases("prune() removes the oldest, so many at a time", async (db) => {
  const log = new RequestLogRepository(db);
  await log.insertMany([4, 2, 0, 1, 3].map((offset) => request({ startedAt: START + offset })));
  assert.equal(await log.prune(START + 4, 3), 3);
  assert.deepEqual((await log.find()).results.map(({ startedAt }) => startedAt - START), [4, 3]);
  assert.equal(await log.prune(START + 4, 3), 1);
  assert.equal(await log.prune(START + 4, 3), 0);
});
