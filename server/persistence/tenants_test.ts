import assert from "node:assert/strict";
import { join } from "node:path";
import { openDatabase } from "./database.ts";
import { migrateToLatest } from "./migrate.ts";
import { DEFAULT_TENANT_SETTINGS, TenantRepository, type TenantSettings } from "./tenants.ts";
import { memoryDatabase, temporaryFolder, TestClock } from "./testing.ts";

const isTaken = (error: Error & { code?: string }) =>
  error.code === "name_taken" && /"ACME" already/.test(error.message);

Deno.test("insert() gives a tenant the defaults", async () => {
  await using db = await memoryDatabase();
  const clock = new TestClock();
  const tenants = new TenantRepository(db, clock.now);
  const { id, ...tenant } = await tenants.insert("acme");
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(tenant, {
    ...DEFAULT_TENANT_SETTINGS,
    name: "acme",
    createdAt: clock.now(),
    updatedAt: clock.now(),
  });
});

Deno.test("insert(), update() and findById() keep every setting", async () => {
  await using db = await memoryDatabase();
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
  assert.deepEqual(updated, { ...inserted, ...DEFAULT_TENANT_SETTINGS, updatedAt: clock.now() });
  assert.deepEqual(await tenants.findById(inserted.id), updated);
});

Deno.test("update() keeps what is not given", async () => {
  await using db = await memoryDatabase();
  const tenants = new TenantRepository(db, new TestClock().now);
  const inserted = await tenants.insert("acme", { displayName: "Acme", accessPolicy: [1], enableTracing: null });
  assert.deepEqual(await tenants.update(inserted.id, { enabled: false }), { ...inserted, enabled: false });
  assert.equal(await tenants.update("unknown", { enabled: false }), undefined);
});

Deno.test("insert() refuses a name that exists in another case", async () => {
  await using db = await memoryDatabase();
  const tenants = new TenantRepository(db, Date.now);
  await tenants.insert("Acme");
  await assert.rejects(tenants.insert("ACME"), isTaken);
  assert.equal((await tenants.findByName("aCMe"))?.name, "Acme");
});

Deno.test("insert() refuses a name that another connection to the file has taken", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  await using one = openDatabase({ path });
  await using two = openDatabase({ path });
  await migrateToLatest(one);
  const results = await Promise.allSettled([
    new TenantRepository(one, Date.now).insert("ACME"),
    new TenantRepository(two, Date.now).insert("ACME"),
  ]);
  assert.deepEqual(results.map((result) => result.status).toSorted(), ["fulfilled", "rejected"]);
  const rejected = results.find((result) => result.status === "rejected");
  assert.ok(isTaken(rejected?.reason));
});

Deno.test("insert() takes exactly the names that are allowed", async () => {
  await using db = await memoryDatabase();
  const tenants = new TenantRepository(db, Date.now);
  for (const name of ["a", "...", "a.b_c-D9", "x".repeat(100)]) {
    assert.equal((await tenants.insert(name)).name, name);
  }
  for (const name of ["", ".", "..", "x".repeat(101), "a b", "a/b", "ä", "a\n", "\u212A"]) {
    await assert.rejects(tenants.insert(name), RangeError, JSON.stringify(name));
  }
});

Deno.test("findByName() and findById() give undefined when there is none", async () => {
  await using db = await memoryDatabase();
  const tenants = new TenantRepository(db, Date.now);
  await tenants.insert("acme");
  assert.equal(await tenants.findByName("acm_"), undefined);
  assert.equal(await tenants.findById("acme"), undefined);
});

Deno.test("list() pages by name without regard to case", async () => {
  await using db = await memoryDatabase();
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

Deno.test("list() searches in name and display name, taking wildcards literally", async () => {
  await using db = await memoryDatabase();
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

Deno.test("remove() frees the name", async () => {
  await using db = await memoryDatabase();
  const tenants = new TenantRepository(db, Date.now);
  const { id } = await tenants.insert("acme");
  assert.equal(await tenants.remove(id), true);
  assert.equal(await tenants.remove(id), false);
  assert.notEqual((await tenants.insert("ACME")).id, id);
});
