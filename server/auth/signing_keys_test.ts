import assert from "node:assert/strict";
import { SigningKeys } from "./signing_keys.ts";
import { TestIssuer, TOKEN_LIFETIME_MS } from "./testing.ts";

const DAY_MS = 86_400_000;
/** The lifetime, a minute until every server has read the new key, a minute for clocks. */
const GRACE_MS = TOKEN_LIFETIME_MS + 120_000;

const kidsOf = async (keys: SigningKeys) => (await keys.jwks()).keys.map((key) => key.kid);

Deno.test("active() makes one key when there is none, however many ask at once", async () => {
  await using server = await TestIssuer.start();
  const keys = await Promise.all([server.keys.active(), server.keys.active(), server.keys.active()]);
  assert.equal(new Set(keys.map((key) => key.kid)).size, 1);
  assert.deepEqual((await server.keyStore.list()).map((key) => key.kid), [keys[0].kid]);
  assert.equal((await server.neighbour().keys.active()).kid, keys[0].kid);
});

Deno.test("jwks() publishes what verifies and nothing that signs", async () => {
  await using server = await TestIssuer.start();
  const { keys: [key, ...others] } = await server.keys.jwks();
  assert.deepEqual(others, []);
  assert.deepEqual(Object.keys(key!).toSorted(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
  assert.deepEqual([key?.alg, key?.use, key?.crv], ["ES256", "sig", "P-256"]);
});

Deno.test("rotateIfDue() makes a new key after 30 days, not before", async () => {
  await using server = await TestIssuer.start();
  const { clock, keys } = server;
  assert.equal(await keys.rotateIfDue(), true, "the first key");
  const first = await keys.active();
  clock.advance(30 * DAY_MS - 1);
  assert.equal(await keys.rotateIfDue(), false);
  assert.equal((await keys.active()).kid, first.kid);
  clock.advance(1);
  assert.equal(await keys.rotateIfDue(), true);
  const second = await keys.active();
  assert.notEqual(second.kid, first.kid);
  assert.deepEqual(await kidsOf(keys), [second.kid, first.kid]);
  assert.equal(await keys.rotateIfDue(), false);
});

Deno.test("a replaced key verifies until its last token has expired, then it is removed", async () => {
  await using server = await TestIssuer.start();
  const { clock, keys, keyStore } = server;
  const first = await keys.active();
  clock.advance(30 * DAY_MS);
  await keys.rotateIfDue();
  const second = await keys.active();

  clock.advance(GRACE_MS - 1);
  await keys.rotateIfDue();
  assert.ok(await keys.find(first.kid));
  assert.deepEqual(await kidsOf(keys), [second.kid, first.kid]);

  clock.advance(1);
  assert.equal(await keys.find(first.kid), undefined, "even before somebody removes it");
  assert.deepEqual(await kidsOf(keys), [second.kid]);
  assert.equal((await keyStore.list()).length, 2);
  await keys.rotateIfDue();
  assert.deepEqual((await keyStore.list()).map((key) => key.kid), [second.kid]);
  assert.ok(await keys.find(second.kid));
});

Deno.test("active() follows another server's rotation within a minute", async () => {
  await using one = await TestIssuer.start();
  const two = one.neighbour();
  const first = await one.keys.active();
  one.clock.advance(30 * DAY_MS);
  assert.equal((await two.keys.active()).kid, first.kid);
  await one.keys.rotateIfDue();
  one.clock.advance(60_000);
  assert.equal((await two.keys.active()).kid, (await one.keys.active()).kid);
  assert.notEqual((await two.keys.active()).kid, first.kid);
});

Deno.test("find() reads the keys again when it does not know one, but not every time", async () => {
  await using server = await TestIssuer.start();
  const { clock, keyStore } = server;
  await server.keys.active();
  let reads = 0;
  const counting = {
    list: () => (reads++, keyStore.list()),
    insert: keyStore.insert.bind(keyStore),
    remove: keyStore.remove.bind(keyStore),
  };
  const keys = new SigningKeys({ store: counting, tokenLifetimeMs: TOKEN_LIFETIME_MS, now: clock.now });
  for (let index = 0; index < 100; index++) assert.equal(await keys.find(`made up ${index}`), undefined);
  assert.equal(reads, 2);

  await keyStore.insert({ ...(await keyStore.list())[0]!, kid: "from another server", createdAt: clock.now() + 1 });
  clock.advance(2_000);
  assert.ok(await keys.find("from another server"));
  clock.advance(59_999);
  assert.ok(await keys.find("from another server"));
  assert.equal(reads, 3);
  clock.advance(1);
  assert.ok(await keys.find("from another server"));
  assert.equal(reads, 4);
});

Deno.test("the last known keys count while the database is away", async () => {
  await using server = await TestIssuer.start();
  const { clock, keyStore } = server;
  let isAway = true;
  const store = {
    list: () => isAway ? Promise.reject(new Error("database is away")) : keyStore.list(),
    insert: keyStore.insert.bind(keyStore),
    remove: keyStore.remove.bind(keyStore),
  };
  const keys = new SigningKeys({ store, tokenLifetimeMs: TOKEN_LIFETIME_MS, now: clock.now });
  await assert.rejects(keys.active(), /database is away/);
  await assert.rejects(keys.find("any"), /database is away/);
  isAway = false;
  const { kid } = await keys.active();
  isAway = true;
  clock.advance(DAY_MS);
  assert.equal((await keys.active()).kid, kid);
  assert.ok(await keys.find(kid));
});

Deno.test("find() knows the new key of another server although the clock was set back", async () => {
  await using server = await TestIssuer.start();
  const neighbour = server.neighbour();
  await server.keys.active();
  await neighbour.keys.find("unknown");
  server.clock.advance(31 * DAY_MS);
  await server.keys.rotateIfDue();
  const { kid } = await server.keys.active();
  server.clock.advance(-31 * DAY_MS - 3_600_000);
  assert.ok(await neighbour.keys.find(kid) !== undefined);
});
