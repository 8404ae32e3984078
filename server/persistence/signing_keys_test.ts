import assert from "node:assert/strict";
import { SigningKeyRepository, type StoredSigningKey } from "./signing_keys.ts";
import { testOnDatabases } from "./testing.ts";

const key = (kid: string, createdAt: number): StoredSigningKey => ({
  kid,
  algorithm: "ES256",
  privateJwk: `{"d":"${kid}"}`,
  publicJwk: "{}",
  createdAt,
});

testOnDatabases("list() gives the newest key first, and keys of the same moment in one order", async (db) => {
  const keys = new SigningKeyRepository(db);
  for (const stored of [key("b", 2), key("old", 1), key("a", 2), key("new", 3)]) await keys.insert(stored);
  assert.deepEqual(await keys.list(), [key("new", 3), key("a", 2), key("b", 2), key("old", 1)]);
});

testOnDatabases("remove() does nothing when the key is gone already", async (db) => {
  const keys = new SigningKeyRepository(db);
  await keys.insert(key("a", 1));
  await keys.remove("a");
  await keys.remove("a");
  assert.deepEqual(await keys.list(), []);
});
