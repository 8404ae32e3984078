import assert from "node:assert/strict";
import { SigningKeyRepository, type StoredSigningKey } from "../persistence/mod.ts";
import { memoryDatabase } from "../persistence/testing.ts";
import { type EncryptionKeys, ProtectedSigningKeys } from "./protected_signing_keys.ts";
import { SigningKeys } from "./signing_keys.ts";

const ONE = "1".repeat(32);
const TWO = "2".repeat(32);

function key(kid: string, createdAt = 1): StoredSigningKey {
  return { kid, algorithm: "ES256", privateJwk: `{"d":"private part of ${kid}"}`, publicJwk: "{}", createdAt };
}

async function setUp() {
  const db = await memoryDatabase();
  const rows = new SigningKeyRepository(db);
  return {
    rows,
    keys: (keys: EncryptionKeys) => new ProtectedSigningKeys(rows, keys),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

Deno.test("insert() and list() keep the private part encrypted, each time differently", async () => {
  await using parts = await setUp();
  const keys = parts.keys({ current: ONE });
  await keys.insert(key("a", 2));
  await keys.insert({ ...key("b", 1), privateJwk: key("a").privateJwk });
  const rows = await parts.rows.list();
  for (const { privateJwk, publicJwk } of rows) {
    assert.match(privateJwk, /^enc:v1:[0-9a-f]{16}:[\w-]{16}:[\w-]+$/);
    assert.ok(!privateJwk.includes("private"));
    assert.equal(publicJwk, "{}");
  }
  assert.notEqual(rows[0]!.privateJwk, rows[1]!.privateJwk);
  assert.deepEqual(await keys.list(), [key("a", 2), { ...key("b", 1), privateJwk: key("a").privateJwk }]);
  await keys.remove("a");
  assert.equal((await parts.rows.list()).length, 1);
});

Deno.test("list() reads rows in plain text and encrypts them", async () => {
  await using parts = await setUp();
  await parts.rows.insert(key("a"));
  assert.deepEqual(await parts.keys({ current: ONE }).list(), [key("a")]);
  const [row] = await parts.rows.list();
  assert.match(row!.privateJwk, /^enc:v1:/);
  assert.deepEqual(await parts.keys({ current: ONE }).list(), [key("a")]);
  assert.deepEqual(await parts.rows.list(), [row], "nothing is rewritten twice");
});

Deno.test("without a key rows stay in plain text", async () => {
  await using parts = await setUp();
  const keys = parts.keys({});
  await keys.insert(key("a"));
  assert.deepEqual(await keys.list(), [key("a")]);
  assert.deepEqual(await parts.rows.list(), [key("a")]);
});

Deno.test("list() says that the key is another one, or missing", async () => {
  await using parts = await setUp();
  await parts.keys({ current: ONE }).insert(key("a"));
  await assert.rejects(parts.keys({ current: TWO }).list(), /encrypted with another auth\.encryptionKey/);
  await assert.rejects(parts.keys({}).list(), /they are encrypted, and auth\.encryptionKey is not set/);
});

Deno.test("list() reads rows of the previous key and rewrites them for the present one", async () => {
  await using parts = await setUp();
  await parts.keys({ current: ONE }).insert(key("a"));
  // First every server learns to read the new key, then each begins to write with it.
  assert.deepEqual(await parts.keys({ current: ONE, previous: TWO }).list(), [key("a")]);
  assert.deepEqual(await parts.keys({ current: TWO, previous: ONE }).list(), [key("a")]);
  assert.deepEqual(await parts.keys({ current: ONE, previous: TWO }).list(), [key("a")]);
  assert.deepEqual(await parts.keys({ current: TWO, previous: ONE }).list(), [key("a")]);
  assert.deepEqual(await parts.keys({ current: TWO }).list(), [key("a")]);
});

Deno.test("list() refuses a row that was changed or belongs to another key", async () => {
  await using parts = await setUp();
  const keys = parts.keys({ current: ONE });
  await keys.insert(key("a"));
  const [row] = await parts.rows.list();
  await parts.rows.remove("a");
  await parts.rows.insert({ ...row!, kid: "b" });
  await assert.rejects(keys.list(), /"b": its encrypted part was changed/);
  await parts.rows.remove("b");
  await parts.rows.insert({ ...row!, privateJwk: row!.privateJwk.slice(0, -2) });
  await assert.rejects(keys.list(), /"a": its encrypted part was changed/);
});

Deno.test("SigningKeys sign on encrypted keys as on plain ones", async () => {
  await using parts = await setUp();
  const options = { tokenLifetimeMs: 1_000, now: () => 1 };
  const plain = await new SigningKeys({ ...options, store: parts.keys({}) }).active();
  const encrypted = await new SigningKeys({ ...options, store: parts.keys({ current: ONE }) }).active();
  assert.equal(encrypted.kid, plain.kid);
  assert.deepEqual(await crypto.subtle.exportKey("jwk", encrypted.privateKey).catch(() => "kept"), "kept");
});
