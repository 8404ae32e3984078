import assert from "node:assert/strict";
import { SecretRepository } from "./secrets.ts";
import { TenantRepository } from "./tenants.ts";
import { memoryDatabase, TestClock } from "./testing.ts";

async function setUp() {
  const db = await memoryDatabase();
  const clock = new TestClock();
  const tenants = new TenantRepository(db, clock.now);
  const secrets = new SecretRepository(db, clock.now);
  const { id: tenantId } = await tenants.insert("acme");
  return { clock, tenants, secrets, tenantId, [Symbol.asyncDispose]: () => db.destroy() };
}

Deno.test("insert() and listByTenant() keep several secrets of a tenant, oldest first", async () => {
  await using parts = await setUp();
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

Deno.test("insert() refuses a tenant that does not exist", async () => {
  await using parts = await setUp();
  await assert.rejects(
    parts.secrets.insert({ tenantId: "unknown", hash: "h", use: "client", expiresAt: null }),
    (error: Error & { code?: string }) => error.code === "query_failed",
  );
});

Deno.test("markUsed() notes the time", async () => {
  await using parts = await setUp();
  const { id } = await parts.secrets.insert({ tenantId: parts.tenantId, hash: "h", use: "client", expiresAt: null });
  parts.clock.advance(60_000);
  await parts.secrets.markUsed(id);
  assert.equal((await parts.secrets.findById(id))?.lastUsedAt, parts.clock.now());
});

Deno.test("remove() removes a secret of the given tenant only", async () => {
  await using parts = await setUp();
  const { secrets, tenantId } = parts;
  const { id } = await secrets.insert({ tenantId, hash: "h", use: "client", expiresAt: null });
  assert.equal(await secrets.remove("other", id), false);
  assert.equal(await secrets.remove(tenantId, id), true);
  assert.equal(await secrets.remove(tenantId, id), false);
  assert.equal(await secrets.findById(id), undefined);
});

Deno.test("secrets go with their tenant", async () => {
  await using parts = await setUp();
  const { secrets, tenantId, tenants } = parts;
  const { id } = await secrets.insert({ tenantId, hash: "h", use: "client", expiresAt: null });
  await tenants.remove(tenantId);
  assert.equal(await secrets.findById(id), undefined);
});
