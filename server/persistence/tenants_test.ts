import assert from "node:assert/strict";
import { join } from "node:path";
import { openDatabase } from "./database.ts";
import { migrateToLatest } from "./migrate.ts";
import { DEFAULT_TENANT_SETTINGS, TenantRepository, type TenantSettings } from "./tenants.ts";
import { temporaryFolder, TestClock, testOnDatabases } from "./testing.ts";

const isTaken = (error: Error & { code?: string }) =>
  error.code === "name_taken" && /"ACME" already/.test(error.message);

testOnDatabases("findByName() finds nothing for what cannot be a name", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  for (const name of ["a\0b", "", "x".repeat(10_000)]) assert.equal(await tenants.findByName(name), undefined);
});

testOnDatabases("insert() gives a tenant the defaults", async (db) => {
  const clock = new TestClock();
  const tenants = new TenantRepository(db, clock.now);
  const { id, ...tenant } = await tenants.insert("acme");
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(tenant, {
    ...DEFAULT_TENANT_SETTINGS,
    name: "acme",
    createdAt: clock.now(),
    updatedAt: clock.now(),
    version: 1,
  });
});

testOnDatabases("insert(), update() and findById() keep every setting", async (db) => {
  const clock = new TestClock();
  const tenants = new TenantRepository(db, clock.now);
  const settings: TenantSettings = {
    displayName: "Acme 'Works' Ω",
    description: "",
    requireAuthentication: true,
    maximumConcurrentConnectorRequests: 7,
    keepAliveIntervalMs: 1,
    enableTracing: true,
    reconnectMinimumDelayMs: 2,
    reconnectMaximumDelayMs: 86_400_000 * 365,
    acknowledgeMode: "manual",
    requireActiveConnection: false,
    enabled: false,
    accessPolicy: { allow: [{ methods: ["GET"] }], note: null },
  };
  const inserted = await tenants.insert("acme", settings);
  assert.deepEqual(inserted, { ...inserted, ...settings });
  assert.deepEqual(await tenants.findById(inserted.id), inserted);
  clock.advance(1_000);
  const updated = await tenants.update(inserted.id, DEFAULT_TENANT_SETTINGS);
  assert.deepEqual(updated, { ...inserted, ...DEFAULT_TENANT_SETTINGS, updatedAt: clock.now(), version: 2 });
  assert.deepEqual(await tenants.findById(inserted.id), updated);
});

testOnDatabases("update() keeps what is not given", async (db) => {
  const tenants = new TenantRepository(db, new TestClock().now);
  const inserted = await tenants.insert("acme", { displayName: "Acme", accessPolicy: [1], enableTracing: null });
  assert.deepEqual(await tenants.update(inserted.id, { enabled: false }), { ...inserted, enabled: false, version: 2 });
  assert.equal(await tenants.update("unknown", { enabled: false }), undefined);
});

testOnDatabases("insert() refuses a name that exists in another case", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  await tenants.insert("Acme");
  await assert.rejects(tenants.insert("ACME"), isTaken);
  assert.equal((await tenants.findByName("aCMe"))?.name, "Acme");
});

Deno.test("insert() refuses a name that another connection to the file has taken", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  await using one = openDatabase({ url: `sqlite:${path}` });
  await using two = openDatabase({ url: `sqlite:${path}` });
  await migrateToLatest(one);
  const results = await Promise.allSettled([
    new TenantRepository(one, Date.now).insert("ACME"),
    new TenantRepository(two, Date.now).insert("ACME"),
  ]);
  assert.deepEqual(results.map((result) => result.status).toSorted(), ["fulfilled", "rejected"]);
  const rejected = results.find((result) => result.status === "rejected");
  assert.ok(isTaken(rejected?.reason));
});

testOnDatabases("insert() takes exactly the names that are allowed", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  for (const name of ["a", "...", "a.b_c-D9", "x".repeat(100)]) {
    assert.equal((await tenants.insert(name)).name, name);
  }
  for (const name of ["", ".", "..", "x".repeat(101), "a b", "a/b", "ä", "a\n", "\u212A"]) {
    await assert.rejects(tenants.insert(name), RangeError, JSON.stringify(name));
  }
});

testOnDatabases("findByName() and findById() give undefined when there is none", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  await tenants.insert("acme");
  assert.equal(await tenants.findByName("acm_"), undefined);
  assert.equal(await tenants.findById("acme"), undefined);
});

testOnDatabases("list() pages by name without regard to case", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  for (const name of ["delta", "Bravo", "alpha", "Charlie"]) await tenants.insert(name);
  const names = async (options?: Parameters<typeof tenants.list>[0]) => {
    const { results, totalCount } = await tenants.list(options);
    return [totalCount, ...results.map((tenant) => tenant.name)];
  };
  assert.deepEqual(await names(), [4, "alpha", "Bravo", "Charlie", "delta"]);
  assert.deepEqual(await names({ skip: 1, take: 2 }), [4, "Bravo", "Charlie"]);
  assert.deepEqual(await names({ skip: 3 }), [4, "delta"]);
  assert.deepEqual(await names({ skip: 9, take: 2 }), [4]);
  assert.deepEqual(await names({ take: 0 }), [4]);
});

testOnDatabases("list() searches in name and display name, taking wildcards literally", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  await tenants.insert("north_1", { displayName: "100% Wool" });
  await tenants.insert("northX1");
  await tenants.insert("south", { displayName: "Back\\slash" });
  const found = async (search: string) => {
    const { results, totalCount } = await tenants.list({ search, take: 1 });
    return [totalCount, results[0]?.name];
  };
  assert.deepEqual(await found("NORTH"), [2, "north_1"]);
  assert.deepEqual(await found("h_1"), [1, "north_1"]);
  assert.deepEqual(await found("0% w"), [1, "north_1"]);
  assert.deepEqual(await found("\\"), [1, "south"]);
  assert.deepEqual(await found("'"), [0, undefined]);
});

testOnDatabases("list() searches without regard to case beyond ASCII too", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  await tenants.insert("oil", { displayName: "ÖLWERK Ærø" });
  assert.equal((await tenants.list({ search: "ölwerk æ" })).totalCount, 1);
  assert.equal((await tenants.list({ search: "ÖLWERK ÆRØ" })).totalCount, 1);
});

testOnDatabases("remove() frees the name", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  const { id } = await tenants.insert("acme");
  assert.equal(await tenants.remove(id), true);
  assert.equal(await tenants.remove(id), false);
  assert.notEqual((await tenants.insert("ACME")).id, id);
});

testOnDatabases("update() refuses to overwrite a change that was made since the version given", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  const { id } = await tenants.insert("acme");
  assert.equal((await tenants.update(id, { displayName: "first", version: 1 }))?.version, 2);
  await assert.rejects(
    tenants.update(id, { displayName: "second", version: 1 }),
    (error: Error & { code?: string }) => error.code === "version_conflict",
  );
  assert.equal((await tenants.findById(id))?.displayName, "first");
  assert.equal(await tenants.update("unknown", { version: 1 }), undefined);
});

testOnDatabases("update() lets one of several writers of the same version win", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  const { id } = await tenants.insert("acme");
  const writers = Array.from({ length: 8 }, (_, index) => tenants.update(id, { displayName: `${index}`, version: 1 }));
  const results = await Promise.allSettled(writers);
  assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
  assert.equal((await tenants.findById(id))?.version, 2);
});

testOnDatabases("listChangedSince() gives what was made or changed since, in the order of the changes", async (db) => {
  const clock = new TestClock();
  const tenants = new TenantRepository(db, clock.now);
  const [one, two] = [await tenants.insert("one"), await tenants.insert("two")];
  clock.advance(1);
  const since = clock.now();
  const three = await tenants.insert("three");
  clock.advance(1);
  const changed = await tenants.update(one.id, { enabled: false });
  assert.deepEqual(await tenants.listChangedSince(since), [three, changed]);
  assert.deepEqual(await tenants.listChangedSince(clock.now() + 1), []);
  assert.deepEqual(await tenants.findExistingIds([two.id, "unknown", one.id]), new Set([one.id, two.id]));
});

testOnDatabases("findExistingIds() takes any number of ids", async (db) => {
  const tenants = new TenantRepository(db, Date.now);
  const { id } = await tenants.insert("acme");
  const ids = [...Array.from({ length: 70_000 }, (_, index) => `no-${index}`), id];
  assert.deepEqual(await tenants.findExistingIds(ids), new Set([id]));
});

testOnDatabases("list() orders by what is asked for and takes the enabled, the disabled or some by id", async (db) => {
  let now = 1_000;
  const tenants = new TenantRepository(db, () => now++);
  const ids = new Map<string, string>();
  for (const [name, displayName, enabled] of [["b", "X", true], ["a", "Y", false], ["c", "X", true]] as const) {
    ids.set(name, (await tenants.insert(name, { displayName, enabled })).id);
  }
  await tenants.update(ids.get("b")!, { description: "changed" });
  const names = async (options: Parameters<TenantRepository["list"]>[0]) =>
    (await tenants.list(options)).results.map(({ name }) => name).join("");
  assert.equal(await names({ isDescending: true }), "cba");
  assert.equal(await names({ order: "created" }), "bac");
  assert.equal(await names({ order: "updated", isDescending: true }), "bca");
  assert.equal(await names({ order: "displayName", isDescending: true }), "acb");
  assert.equal(await names({ enabled: false }), "a");
  assert.equal(await names({ ids: [ids.get("c")!, ids.get("a")!] }), "ac");
  assert.deepEqual(await tenants.list({ ids: [] }), { results: [], totalCount: 0 });
});

testOnDatabases("list() orders by display name alike on every database, those without one first", async (db) => {
  const tenants = new TenantRepository(db, () => 1_000);
  for (
    const [name, displayName] of [["a", "beta"], ["b", null], ["c", "Alpha"], ["d", "alpha-2"], ["e", "ALPHA 1"], [
      "f",
      "\u00c4rger",
    ]] as const
  ) {
    await tenants.insert(name, { displayName });
  }
  const names = async (isDescending: boolean) =>
    (await tenants.list({ order: "displayName", isDescending })).results.map(({ name }) => name).join("");
  assert.equal(await names(false), "bcedaf");
  assert.equal(await names(true), "fadecb");
});
