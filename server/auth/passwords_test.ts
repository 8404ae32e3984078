import assert from "node:assert/strict";
import { generatePassword, passwordProblem, Passwords } from "./passwords.ts";

const CHEAP = { logN: 4, r: 8, p: 1 };
const PASSWORD = "correct horse battery";

Deno.test("hash() makes a salted hash that says how it was made", async () => {
  const passwords = new Passwords();
  const [one, other] = await Promise.all([passwords.hash(PASSWORD), passwords.hash(PASSWORD)]);
  assert.match(one, /^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.notEqual(one, other);
  assert.deepEqual(await passwords.verify(PASSWORD, one), { matches: true, isOutdated: false });
});

Deno.test("verify() tells passwords apart by every character, and finds a cheaper hash outdated", async () => {
  const stored = await new Passwords(CHEAP).hash(PASSWORD);
  const passwords = new Passwords({ ...CHEAP, logN: 5 });
  assert.deepEqual(await passwords.verify(PASSWORD, stored), { matches: true, isOutdated: true });
  for (const wrong of ["", PASSWORD.slice(1), `${PASSWORD} `, PASSWORD.toUpperCase(), "x".repeat(1_000_000)]) {
    assert.equal((await passwords.verify(wrong, stored)).matches, false);
  }
  assert.equal((await new Passwords({ ...CHEAP, logN: 3 }).verify(PASSWORD, stored)).isOutdated, false);
});

Deno.test("verify() takes a password as it is typed, composed or not", async () => {
  const passwords = new Passwords(CHEAP);
  const stored = await passwords.hash("zwölf Grüße aus Köln".normalize("NFD"));
  assert.equal((await passwords.verify("zwölf Grüße aus Köln".normalize("NFC"), stored)).matches, true);
});

Deno.test("verify() fails without a stored hash, also with the password of its decoy", async () => {
  const passwords = new Passwords(CHEAP);
  assert.equal((await passwords.verify(PASSWORD, undefined)).matches, false);
  assert.equal((await passwords.verify("", undefined)).matches, false);
});

Deno.test("verify() refuses what is stored and is no hash of it, or too dear", async () => {
  const passwords = new Passwords(CHEAP);
  const good = await passwords.hash(PASSWORD);
  const broken = ["", "plain", good.replace("ln=4", "ln=21"), good.replace("r=8", "r=99"), good.replace("p=1", "p=0")];
  for (const stored of [...broken, good.slice(0, -2), `${good}$`]) {
    await assert.rejects(passwords.verify(PASSWORD, stored), /what is stored is not its hash/);
  }
});

Deno.test("passwordProblem() wants 12 to 1024 characters that are not all the same", async () => {
  for (const good of ["twelve chars", "a".repeat(1_020) + "bcde", "😀🎈🌍🚀🐍🦕🎉🍀🌵🍎🍐🍊"]) {
    assert.equal(passwordProblem(good), undefined);
  }
  for (const bad of ["", "eleven char", "😀🎈🌍🚀🐍", "aaaaaaaaaaaaaaaa", "abababababab", "abcde".repeat(205)]) {
    assert.ok(passwordProblem(bad), bad);
    await assert.rejects(new Passwords(CHEAP).hash(bad), RangeError);
  }
});

Deno.test("generatePassword() makes passwords that may be used", () => {
  const made = Array.from({ length: 100 }, generatePassword);
  assert.equal(new Set(made).size, 100);
  for (const password of made) {
    assert.match(password, /^[a-z2-9]{32}$/);
    assert.equal(passwordProblem(password), undefined);
  }
});
