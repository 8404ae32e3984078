import assert from "node:assert/strict";
import { PersistenceError } from "./errors.ts";
import { type CachedTenants, TenantCache } from "./tenant_cache.ts";
import { DEFAULT_TENANT_SETTINGS, type Tenant } from "./tenants.ts";

const acme: Tenant = { ...DEFAULT_TENANT_SETTINGS, id: "t1", name: "Acme", createdAt: 1, updatedAt: 1, version: 1 };
const isUnavailable = (error: Error & { code?: string }) =>
  error.name === "RelayError" && error.code === "transport_unavailable";

/** A source that knows one tenant, and can be away, slow or broken. */
class FragileSource implements CachedTenants {
  tenant: Tenant | undefined = acme;
  queries = 0;
  answer: () => Promise<void> = () => Promise.resolve();

  async findByName(name: string): Promise<Tenant | undefined> {
    this.queries++;
    await this.answer();
    return name === "acme" ? this.tenant : undefined;
  }

  async findById(id: string): Promise<Tenant | undefined> {
    this.queries++;
    await this.answer();
    return id === "t1" ? this.tenant : undefined;
  }

  goAway(): void {
    this.answer = () => Promise.reject(new PersistenceError("database_unavailable", "Cannot reach database: gone"));
  }
}

function setUp(durationMs = 10) {
  const source = new FragileSource();
  const state = { nowMs: 0, isAvailable: true };
  const cache = new TenantCache(source, {
    durationMs,
    now: () => state.nowMs,
    isSourceAvailable: () => state.isAvailable,
  });
  return { source, state, cache };
}

Deno.test("findByName() asks once for as long as an entry holds, in any case of the name", async () => {
  const { source, state, cache } = setUp();
  const found = await Promise.all([cache.findByName("ACME"), cache.findByName("acme")]);
  assert.deepEqual([...found, await cache.findByName("Acme")], [acme, acme, acme]);
  assert.equal(source.queries, 1);
  state.nowMs = 10;
  await cache.findByName("acme");
  assert.equal(source.queries, 2);
});

Deno.test("findByName() remembers that there is no such tenant", async () => {
  const { source, state, cache } = setUp();
  assert.equal(await cache.findByName("nobody"), undefined);
  assert.equal(await cache.findByName("nobody"), undefined);
  assert.equal(source.queries, 1);
  state.nowMs = 10;
  await cache.findByName("nobody");
  assert.equal(source.queries, 2);
});

Deno.test("findByName() gives a known tenant while the source is away, and what it says when it is back", async () => {
  const { source, state, cache } = setUp();
  await cache.findByName("acme");
  const { answer } = source;
  source.goAway();
  state.nowMs = 10;
  assert.equal(await cache.findByName("acme"), acme);
  assert.equal(source.queries, 2);
  state.nowMs = 1_009;
  assert.equal(await cache.findByName("acme"), acme);
  assert.equal(source.queries, 2, "not asked again for a second");
  state.isAvailable = false;
  state.nowMs = 86_400_000;
  assert.equal(await cache.findByName("acme"), acme);
  assert.equal(source.queries, 2, "not asked while it is known to be away");
  state.isAvailable = true;
  source.answer = answer;
  source.tenant = { ...acme, version: 2 };
  state.nowMs += 1_000;
  assert.equal(await cache.findByName("acme"), source.tenant);
});

Deno.test("findByName() gives a tenant that was removed no longer once the source has said so", async () => {
  const { source, state, cache } = setUp();
  await cache.findByName("acme");
  source.tenant = undefined;
  state.nowMs = 10;
  assert.equal(await cache.findByName("acme"), undefined);
  source.goAway();
  state.nowMs = 20;
  await assert.rejects(cache.findByName("acme"), isUnavailable);
});

Deno.test("findByName() does not wait long for a slow source when it knows the tenant", async () => {
  const { source, state, cache } = setUp();
  await cache.findByName("acme");
  const slow = Promise.withResolvers<void>();
  source.answer = () => slow.promise;
  source.tenant = { ...acme, version: 2 };
  state.nowMs = 10;
  assert.equal(await cache.findByName("acme"), acme);
  slow.resolve();
  await slow.promise;
  state.nowMs = 1_010;
  assert.equal(await cache.findByName("acme"), source.tenant);
});

Deno.test("findByName() and findById() say that a tenant cannot be looked up, and try again the next time", async () => {
  const { source, state, cache } = setUp();
  const { answer } = source;
  source.goAway();
  await assert.rejects(cache.findByName("acme"), isUnavailable);
  await assert.rejects(cache.findById("t1"), isUnavailable);
  state.isAvailable = false;
  await assert.rejects(cache.findByName("acme"), isUnavailable);
  assert.equal(source.queries, 2);
  state.isAvailable = true;
  source.answer = answer;
  assert.equal(await cache.findByName("acme"), acme);
});

Deno.test("findByName() hands on what is wrong with the source itself", async () => {
  const { source, cache } = setUp();
  const broken = new PersistenceError("query_failed", "Cannot run query: no such table");
  source.answer = () => Promise.reject(broken);
  await assert.rejects(cache.findByName("acme"), broken);
});

Deno.test("findById() asks every time, and gives the known tenant while the source is away", async () => {
  const { source, cache } = setUp();
  await cache.findByName("acme");
  source.tenant = { ...acme, version: 2 };
  assert.equal(await cache.findById("t1"), source.tenant);
  source.goAway();
  assert.equal(await cache.findById("t1"), acme);
  await assert.rejects(cache.findById("t2"), isUnavailable);
});

Deno.test("forget() and forgetId() have the source asked again", async () => {
  const { source, cache } = setUp();
  await cache.findByName("acme");
  cache.forget("ACME");
  await cache.findByName("acme");
  cache.forgetId("t1");
  cache.forgetId("unknown");
  await cache.findByName("acme");
  assert.equal(source.queries, 3);
});

Deno.test("forget() is not undone by an answer that was under way", async () => {
  const { source, cache } = setUp();
  const slow = Promise.withResolvers<void>();
  source.answer = () => slow.promise;
  const asking = cache.findByName("acme");
  cache.forget("acme");
  source.answer = () => Promise.resolve();
  const fresh = { ...acme, version: 2 };
  source.tenant = fresh;
  assert.equal(await cache.findByName("acme"), fresh);
  source.tenant = acme;
  slow.resolve();
  await asking;
  assert.equal(await cache.findByName("acme"), fresh);
});

Deno.test("names that somebody makes up do not push a tenant out, which could not be looked up again while the source is away", async () => {
  const { source, cache } = setUp();
  await cache.findByName("acme");
  for (let index = 0; index < 30_000; index++) await cache.findByName(`nobody-${index}`);
  source.goAway();
  assert.equal(await cache.findByName("acme"), acme);
});

Deno.test("forget() has the source asked again for a name that nobody had", async () => {
  const { source, cache } = setUp();
  source.tenant = undefined;
  assert.equal(await cache.findByName("acme"), undefined);
  source.tenant = acme;
  cache.forget("ACME");
  assert.equal(await cache.findByName("acme"), acme);
});

Deno.test("renew() replaces what is kept, also where the source goes away at that moment, and by nothing older", async () => {
  const { source, state, cache } = setUp();
  await cache.findByName("acme");
  source.goAway();
  const changed = { ...acme, enabled: false, version: 2 };
  cache.renew(changed);
  cache.renew(acme);
  assert.equal(await cache.findByName("acme"), changed);
  state.nowMs = 10;
  assert.equal(await cache.findByName("acme"), changed);
  const successor = { ...acme, id: "t2" };
  cache.renew(successor);
  assert.equal(await cache.findByName("acme"), successor);
});

Deno.test("renew() keeps no tenant that nobody has asked for, and forgets that there was none of its name", async () => {
  const { source, cache } = setUp();
  source.tenant = undefined;
  assert.equal(await cache.findByName("acme"), undefined);
  source.tenant = acme;
  cache.renew(acme);
  assert.equal(source.queries, 1);
  assert.equal(await cache.findByName("acme"), acme);
  assert.equal(source.queries, 2);
});
