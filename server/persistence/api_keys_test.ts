import assert from "node:assert/strict";
import { ApiKeyRepository } from "./api_keys.ts";
import { TestClock, testOnDatabases } from "./testing.ts";

const backup = { name: "Backup", hash: "sha256:1", role: "reader", expiresAt: null } as const;

testOnDatabases("insert() adds a key, found by id, by hash and by name", async (db) => {
  const clock = new TestClock();
  const keys = new ApiKeyRepository(db, clock.now);
  const key = await keys.insert({ ...backup, expiresAt: clock.now() + 5 });
  assert.deepEqual(key, {
    ...backup,
    id: key.id,
    createdAt: clock.now(),
    expiresAt: clock.now() + 5,
    lastUsedAt: null,
  });
  assert.deepEqual(await keys.findById(key.id), key);
  assert.deepEqual(await keys.findByHash("sha256:1"), key);
  assert.deepEqual(await keys.findByName("BACKUP"), key);
  assert.equal(await keys.findByHash("sha256:2"), undefined);
});

testOnDatabases("insert() refuses a name that exists in another case", async (db) => {
  const keys = new ApiKeyRepository(db, Date.now);
  await keys.insert(backup);
  await assert.rejects(
    keys.insert({ ...backup, name: "backup", hash: "sha256:2" }),
    (error: Error & { code?: string }) => error.code === "name_taken",
  );
});

testOnDatabases("list() pages and searches keys by name, markUsed() notes the time", async (db) => {
  const clock = new TestClock();
  const keys = new ApiKeyRepository(db, clock.now);
  const first = await keys.insert(backup);
  const second = await keys.insert({ ...backup, name: "audit", hash: "sha256:2" });
  assert.deepEqual(await keys.list(), { results: [second, first], totalCount: 2 });
  assert.deepEqual(await keys.list({ skip: 1, take: 5 }), { results: [first], totalCount: 2 });
  assert.deepEqual(await keys.list({ search: "ACK" }), { results: [first], totalCount: 1 });
  clock.advance(1);
  await keys.markUsed(first.id);
  assert.equal((await keys.findById(first.id))?.lastUsedAt, clock.now());
});

testOnDatabases("remove() removes a key and frees its name", async (db) => {
  const keys = new ApiKeyRepository(db, Date.now);
  const { id } = await keys.insert(backup);
  assert.equal(await keys.remove(id), true);
  assert.equal(await keys.remove(id), false);
  assert.notEqual((await keys.insert(backup)).id, id);
});
