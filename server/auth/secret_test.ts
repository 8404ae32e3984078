import assert from "node:assert/strict";
import { generateSecret, hashesAreEqual, hashSecret } from "./secret.ts";

Deno.test("generateSecret() gives 256 bits that differ every time", () => {
  const secrets = new Set(Array.from({ length: 100 }, generateSecret));
  assert.equal(secrets.size, 100);
  for (const secret of secrets) {
    assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(Uint8Array.fromBase64(secret, { alphabet: "base64url" }).length, 32);
  }
});

Deno.test("hashSecret() gives the SHA-256 of the text", async () => {
  // FIPS 180-2, appendix B.1.
  assert.equal(await hashSecret("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

Deno.test("hashesAreEqual() tells hashes apart by any digit and by length", async () => {
  const hash = await hashSecret("abc");
  assert.equal(hashesAreEqual(hash, await hashSecret("abc")), true);
  for (let index = 0; index < hash.length; index++) {
    const digit = hash[index] === "0" ? "1" : "0";
    assert.equal(hashesAreEqual(hash, hash.slice(0, index) + digit + hash.slice(index + 1)), false);
  }
  assert.equal(hashesAreEqual(hash, hash.slice(1)), false);
  assert.equal(hashesAreEqual(hash, ""), false);
});
