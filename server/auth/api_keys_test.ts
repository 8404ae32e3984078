import assert from "node:assert/strict";
import { ApiKeyRepository } from "../persistence/mod.ts";
import { memoryDatabase, TestClock } from "../persistence/testing.ts";
import { ApiKeys, generateApiKey } from "./api_keys.ts";
import { hashSecret } from "./secret.ts";

async function setUp() {
  const clock = new TestClock();
  const db = await memoryDatabase();
  const repository = new ApiKeyRepository(db, clock.now);
  let reads = 0;
  const store = {
    findByHash: (hash: string) => (reads++, repository.findByHash(hash)),
    markUsed: (id: string) => repository.markUsed(id),
  };
  return {
    clock,
    repository,
    reads: () => reads,
    keys: new ApiKeys({ store, now: clock.now, monotonicNow: clock.monotonicNow }),
    neighbour: new ApiKeys({ store, now: clock.now, monotonicNow: clock.monotonicNow }),
    async add(expiresAt: number | null = null) {
      const value = generateApiKey();
      const key = await repository.insert({
        name: value.slice(0, 20),
        hash: await hashSecret(value),
        role: "reader",
        expiresAt,
      });
      return { value, key };
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

Deno.test("verify() tells whose key it is", async () => {
  await using site = await setUp();
  const { value, key } = await site.add();
  assert.match(value, /^rsk_[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(await site.keys.verify(value), { kind: "api_key", id: key.id, name: key.name, role: "reader" });
});

Deno.test("verify() refuses what is no key, and asks the database only for what may be one", async () => {
  await using site = await setUp();
  const { value } = await site.add();
  for (
    const wrong of ["", value.slice(4), `${value}a`, value.replace("rsk_", "RSK_"), "x".repeat(1_000_000), "\u0000"]
  ) {
    assert.equal(await site.keys.verify(wrong), undefined);
  }
  assert.equal(site.reads(), 0);
  assert.equal(await site.keys.verify(generateApiKey()), undefined);
  assert.equal(site.reads(), 1);
});

Deno.test("verify() refuses a key from the moment it expires, known or not", async () => {
  await using site = await setUp();
  const { value } = await site.add(site.clock.now() + 5_000);
  site.clock.advance(4_999);
  assert.ok(await site.keys.verify(value));
  site.clock.advance(1);
  assert.equal(await site.keys.verify(value), undefined);
  assert.equal(await site.neighbour.verify(value), undefined);
});

Deno.test("a removed key counts no longer: here at once, elsewhere after ten seconds", async () => {
  await using site = await setUp();
  const { value, key } = await site.add();
  await site.keys.verify(value);
  await site.neighbour.verify(value);
  await site.repository.remove(key.id);
  site.keys.forget(key.id);
  assert.equal(await site.keys.verify(value), undefined);
  site.clock.advance(9_999);
  assert.ok(await site.neighbour.verify(value));
  site.clock.advance(1);
  assert.equal(await site.neighbour.verify(value), undefined);
});

Deno.test("a key that was removed elsewhere counts no longer because the clock was set back", async () => {
  await using site = await setUp();
  const { value, key } = await site.add();
  await site.keys.verify(value);
  await site.repository.remove(key.id);
  site.clock.setBack(3_600_000);
  site.clock.advance(10_000);
  assert.equal(await site.keys.verify(value), undefined);
});

Deno.test("a key that is removed while it is looked up is not remembered", async () => {
  await using site = await setUp();
  const { value, key } = await site.add();
  const store = {
    async findByHash(hash: string) {
      const found = await site.repository.findByHash(hash);
      await site.repository.remove(key.id);
      keys.forget(key.id);
      return found;
    },
    markUsed: () => Promise.resolve(),
  };
  const keys = new ApiKeys({ store, now: site.clock.now, monotonicNow: site.clock.monotonicNow });
  await keys.verify(value);
  assert.equal(await keys.verify(value), undefined);
});

Deno.test("verify() notes the last use at most once a minute, and asks the database at most every ten seconds", async () => {
  await using site = await setUp();
  const { value, key } = await site.add();
  const lastUsed = async () => (await site.repository.findById(key.id))?.lastUsedAt;
  const begun = site.clock.now();
  for (let second = 0; second < 60; second++) {
    await site.keys.verify(value);
    site.clock.advance(1_000);
  }
  assert.equal(await lastUsed(), begun);
  assert.equal(site.reads(), 6);
  await site.keys.verify(value);
  assert.equal(await lastUsed(), begun + 60_000);
});

Deno.test("verify() does not depend on noting the use", async () => {
  const clock = new TestClock();
  const value = generateApiKey();
  const key = {
    id: "1",
    name: "ci",
    hash: await hashSecret(value),
    role: "admin" as const,
    createdAt: 0,
    expiresAt: null,
    lastUsedAt: null,
  };
  const store = { findByHash: () => Promise.resolve(key), markUsed: () => Promise.reject(new Error("read-only")) };
  assert.equal(
    (await new ApiKeys({ store, now: clock.now, monotonicNow: clock.monotonicNow }).verify(value))?.role,
    "admin",
  );
});
