import assert from "node:assert/strict";
import { SigningKeyRepository, type StoredSigningKey } from "./signing_keys.ts";
import { memoryDatabase } from "./testing.ts";

const key = (kid: string, createdAt: number): StoredSigningKey => ({
  kid,
  algorithm: "ES256",
  privateJwk: `{"d":"${kid}"}`,
  publicJwk: "{}",
  createdAt,
});

Deno.test("list() gives the newest key first, and keys of the same moment in one order", async () => {
  await using db = await memoryDatabase();
  const keys = new SigningKeyRepository(db);
  for (const stored of [key("b", 2), key("old", 1), key("a", 2), key("new", 3)]) await keys.insert(stored);
  assert.deepEqual(await keys.list(), [key("new", 3), key("a", 2), key("b", 2), key("old", 1)]);
});

Deno.test("remove() does nothing when the key is gone already", async () => {
  await using db = await memoryDatabase();
  const keys = new SigningKeyRepository(db);
  await keys.insert(key("a", 1));
  await keys.remove("a");
  await keys.remove("a");
  assert.deepEqual(await keys.list(), []);
});
