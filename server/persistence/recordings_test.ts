import assert from "node:assert/strict";
import type { NewRecordedRequest, RecordedMessages } from "./recorded_request.ts";
import { isRecordingRunning, type NewRecording } from "./recording.ts";
import { RecordingRepository } from "./recordings.ts";
import type { Database } from "./schema.ts";
import { TenantRepository } from "./tenants.ts";
import { TestClock, testOnDatabases } from "./testing.ts";

const FILTER = {
  target: "app",
  pathPrefix: null,
  minimumStatus: 500,
  maximumStatus: 599,
  maskHeaders: ["x-secret"],
  recordsBodies: true,
};
const MESSAGES: RecordedMessages = {
  clientRequest: { method: "GET", path: "/relay/acme/app/a?\xe9", headers: [["A", "\xe9"], ["a", "2"]], body: null },
  targetRequest: null,
  targetResponse: null,
  clientResponse: {
    status: 502,
    headers: [],
    body: { base64: "AAEC", sizeBytes: 900, isCut: true, isComplete: false },
  },
  maskedHeaders: [],
};

async function setUp(db: Database) {
  const clock = new TestClock();
  const tenants = new TenantRepository(db, clock.now);
  const acme = await tenants.insert("acme", {});
  const other = await tenants.insert("other", {});
  const recordings = new RecordingRepository(db, clock.now);
  const begin = (changes: Partial<NewRecording> = {}) =>
    recordings.insert({
      tenantId: acme.id,
      filter: FILTER,
      startedBy: "Ada",
      durationMs: 60_000,
      maxRequests: 100,
      maxBytes: 1_000_000,
      ...changes,
    });
  const request = (changes: Partial<NewRecordedRequest> = {}): NewRecordedRequest => ({
    id: crypto.randomUUID(),
    requestId: crypto.randomUUID(),
    originId: crypto.randomUUID(),
    startedAt: clock.now(),
    durationMs: 1.5,
    target: "app",
    method: "GET",
    path: "/a?b\xff",
    clientAddress: "192.0.2.1",
    status: 502,
    outcome: "failed",
    errorCode: "target_unreachable",
    messages: MESSAGES,
    ...changes,
  });
  return { clock, tenants, acme, other, recordings, begin, request };
}

testOnDatabases("insert() begins a recording that runs until its time is over", async (db) => {
  const { clock, acme, other, recordings, begin } = await setUp(db);
  const begun = await begin();
  assert.deepEqual(begun.filter, FILTER);
  assert.deepEqual([begun.startedAt, begun.endsAt, begun.endedAt], [clock.now(), clock.now() + 60_000, null]);
  assert.deepEqual(await recordings.find(acme.id, begun.id), begun);
  assert.equal(await recordings.find(other.id, begun.id), undefined);
  const { id, endsAt } = begun;
  assert.deepEqual(await recordings.listActive(), [{ id, tenantId: acme.id, filter: FILTER, endsAt }]);
  assert.equal(await recordings.countRunning(acme.id), 1);
  assert.ok(isRecordingRunning(begun, clock.now()));
  clock.advance(60_000);
  assert.ok(!isRecordingRunning(begun, clock.now()));
  assert.deepEqual(await recordings.listActive(), []);
  assert.equal(await recordings.countRunning(acme.id), 0);
  assert.equal(await recordings.end(id, "stopped"), undefined);
});

testOnDatabases("end() ends a recording once, and nothing is added to it any more", async (db) => {
  const { clock, recordings, begin, request } = await setUp(db);
  const { id } = await begin();
  const ended = await recordings.end(id, "stopped");
  assert.deepEqual([ended?.endedAt, ended?.endReason], [clock.now(), "stopped"]);
  assert.equal(await recordings.end(id, "full"), undefined);
  assert.deepEqual(await recordings.listActive(), []);
  assert.equal(await recordings.addRequest(id, request()), false);
  assert.equal((await recordings.listRequests({ recordingId: id })).totalCount, 0);
});

testOnDatabases("addRequest() keeps a request as it was", async (db) => {
  const { acme, recordings, begin, request } = await setUp(db);
  const { id } = await begin();
  const added = request();
  assert.equal(await recordings.addRequest(id, added), true);
  assert.equal(await recordings.addRequest(id, added), true);
  const { results: [summary], totalCount } = await recordings.listRequests({ recordingId: id });
  const { messages: _messages, ...rest } = added;
  assert.deepEqual([totalCount, summary], [1, { ...rest, recordingId: id }]);
  assert.deepEqual(await recordings.findRequest(id, summary!.id), { ...summary, messages: MESSAGES });
  assert.equal(await recordings.findRequest(crypto.randomUUID(), summary!.id), undefined);
  const found = await recordings.find(acme.id, id);
  assert.deepEqual([found?.requestCount, found?.sizeBytes], [1, JSON.stringify(MESSAGES).length]);
});

testOnDatabases("addRequest() ends a recording that is full by number or by size", async (db) => {
  const { acme, recordings, begin, request } = await setUp(db);
  for (const limits of [{ maxRequests: 2 }, { maxBytes: JSON.stringify(MESSAGES).length + 1 }]) {
    const { id } = await begin(limits);
    assert.deepEqual(
      [
        await recordings.addRequest(id, request()),
        await recordings.addRequest(id, request()),
        await recordings.addRequest(id, request()),
      ],
      [true, true, false],
    );
    const full = await recordings.find(acme.id, id);
    assert.deepEqual([full?.requestCount, full?.endReason], [2, "full"]);
  }
});

testOnDatabases("addRequest() counts what several origins add at the same time", async (db) => {
  const { acme, recordings, begin, request } = await setUp(db);
  const { id } = await begin({ maxRequests: 8 });
  const added = await Promise.all(Array.from({ length: 12 }, () => recordings.addRequest(id, request())));
  assert.equal(added.filter(Boolean).length, 8);
  assert.equal((await recordings.listRequests({ recordingId: id })).totalCount, 8);
  await recordings.addDropped(id, 4);
  assert.equal((await recordings.find(acme.id, id))?.droppedCount, 4);
});

testOnDatabases("listRequests() pages, oldest first; list() newest first", async (db) => {
  const { clock, acme, recordings, begin, request } = await setUp(db);
  const first = await begin();
  for (const path of ["/1", "/2", "/3"]) {
    await recordings.addRequest(first.id, request({ path }));
    clock.advance(1);
  }
  const second = await begin();
  const page = await recordings.listRequests({ recordingId: first.id, skip: 1, take: 1 });
  assert.deepEqual([page.totalCount, page.results.map(({ path }) => path)], [3, ["/2"]]);
  const { results, totalCount } = await recordings.list(acme.id);
  assert.deepEqual([totalCount, results.map(({ id }) => id)], [2, [second.id, first.id]]);
  assert.deepEqual((await recordings.list(acme.id, { skip: 1, take: 5 })).results.map(({ id }) => id), [first.id]);
});

testOnDatabases("remove() and the end of a tenant leave nothing behind", async (db) => {
  const { tenants, acme, recordings, begin, request } = await setUp(db);
  const [removed, orphaned] = [await begin(), await begin()];
  for (const { id } of [removed, orphaned]) await recordings.addRequest(id, request());
  assert.equal(await recordings.remove(removed.id), true);
  assert.equal(await recordings.remove(removed.id), false);
  assert.equal((await recordings.listRequests({ recordingId: removed.id })).totalCount, 0);
  assert.equal((await recordings.listRequests({ recordingId: orphaned.id })).totalCount, 1);
  await tenants.remove(acme.id);
  assert.equal((await recordings.listRequests({ recordingId: orphaned.id })).totalCount, 0);
  assert.equal(await recordings.addRequest(orphaned.id, request()), false);
});

testOnDatabases("prune() removes old recordings a few rows at a time", async (db) => {
  const { clock, acme, recordings, begin, request } = await setUp(db);
  const old = await begin();
  for (let count = 0; count < 3; count++) await recordings.addRequest(old.id, request());
  clock.advance(60_001);
  const young = await begin();
  const removed: number[] = [];
  do removed.push(await recordings.prune(clock.now(), 2)); while (removed.at(-1) === 2);
  assert.deepEqual(removed, [2, 2, 0]);
  assert.deepEqual((await recordings.list(acme.id)).results.map(({ id }) => id), [young.id]);
  assert.equal((await recordings.listRequests({ recordingId: old.id })).totalCount, 0);
});

testOnDatabases("findByRequest() finds where a request of a tenant was recorded, and nothing of others", async (db) => {
  const { acme, other, recordings, begin, request } = await setUp(db);
  const [first, second] = [await begin(), await begin()];
  const recorded = request();
  await recordings.addRequest(first.id, recorded);
  await recordings.addRequest(second.id, request({ requestId: recorded.requestId }));
  await recordings.addRequest(second.id, request());
  const { requestId, startedAt } = recorded;
  const found = await recordings.findByRequest(acme.id, { requestId, startedAt });
  assert.deepEqual(found.map(({ recordingId }) => recordingId).sort(), [first.id, second.id].sort());
  assert.ok(found.some(({ id }) => id === recorded.id));
  assert.deepEqual(await recordings.findByRequest(other.id, { requestId, startedAt }), []);
});
