import assert from "node:assert/strict";
import type { Database } from "./schema.ts";
import { SecretRepository } from "./secrets.ts";
import { TenantRepository } from "./tenants.ts";
import { TestClock, testOnDatabases } from "./testing.ts";

async function setUp(db: Database) {
  const clock = new TestClock();
  const tenants = new TenantRepository(db, clock.now);
  const secrets = new SecretRepository(db, clock.now);
  const { id: tenantId } = await tenants.insert("acme");
  return { clock, tenants, secrets, tenantId };
}

testOnDatabases("insert() and listByTenant() keep several secrets of a tenant, oldest first", async (db) => {
  const parts = await setUp(db);
  const { clock, secrets, tenantId, tenants } = parts;
  const other = await tenants.insert("other");
  await secrets.insert({ tenantId: other.id, hash: "h0", use: "client", expiresAt: null });
  const first = await secrets.insert({ tenantId, hash: "h1", use: "connector", expiresAt: null });
  clock.advance(1);
  const second = await secrets.insert({ tenantId, hash: "h2", use: "client", expiresAt: clock.now() + 5 });
  assert.deepEqual(await secrets.listByTenant(tenantId), [first, second]);
  assert.deepEqual(second, {
    id: second.id,
    tenantId,
    hash: "h2",
    use: "client",
    expiresAt: clock.now() + 5,
    createdAt: clock.now(),
    lastUsedAt: null,
  });
});

testOnDatabases("insert() refuses a tenant that does not exist", async (db) => {
  const parts = await setUp(db);
  await assert.rejects(
    parts.secrets.insert({ tenantId: "unknown", hash: "h", use: "client", expiresAt: null }),
    (error: Error & { code?: string }) => error.code === "owner_missing",
  );
});

testOnDatabases("markUsed() notes the time", async (db) => {
  const parts = await setUp(db);
  const { id } = await parts.secrets.insert({ tenantId: parts.tenantId, hash: "h", use: "client", expiresAt: null });
  parts.clock.advance(60_000);
  await parts.secrets.markUsed(id);
  assert.equal((await parts.secrets.findById(id))?.lastUsedAt, parts.clock.now());
});

testOnDatabases("remove() removes a secret of the given tenant only", async (db) => {
  const parts = await setUp(db);
  const { secrets, tenantId } = parts;
  const { id } = await secrets.insert({ tenantId, hash: "h", use: "client", expiresAt: null });
  assert.equal(await secrets.remove("other", id), false);
  assert.equal(await secrets.remove(tenantId, id), true);
  assert.equal(await secrets.remove(tenantId, id), false);
  assert.equal(await secrets.findById(id), undefined);
});

testOnDatabases("secrets go with their tenant", async (db) => {
  const parts = await setUp(db);
  const { secrets, tenantId, tenants } = parts;
  const { id } = await secrets.insert({ tenantId, hash: "h", use: "client", expiresAt: null });
  await tenants.remove(tenantId);
  assert.equal(await secrets.findById(id), undefined);
});

testOnDatabases("findExistingIds() gives those of the ids that are secrets", async (db) => {
  const { secrets, tenantId } = await setUp(db);
  const { id } = await secrets.insert({ tenantId, hash: "h", use: "client", expiresAt: null });
  assert.deepEqual(await secrets.findExistingIds([id, "unknown"]), new Set([id]));
  assert.deepEqual(await secrets.findExistingIds([]), new Set());
});
