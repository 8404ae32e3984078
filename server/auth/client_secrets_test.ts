import assert from "node:assert/strict";
import type { Secret } from "../persistence/mod.ts";
import { TestClock } from "../persistence/testing.ts";
import { TenantClientSecrets } from "./client_secrets.ts";
import { hashSecret } from "./secret.ts";

async function secret(text: string, changes: Partial<Secret> = {}): Promise<Secret> {
  return {
    ...{ id: text, tenantId: "1", hash: await hashSecret(text), use: "client" },
    ...{ expiresAt: null, createdAt: 0, lastUsedAt: null },
    ...changes,
  } as Secret;
}

/** A store that counts what it is asked. */
class Store {
  readonly secrets: Secret[] = [];
  readonly used: string[] = [];
  reads = 0;

  listByTenant(tenantId: string): Promise<Secret[]> {
    this.reads++;
    return Promise.resolve(this.secrets.filter((candidate) => candidate.tenantId === tenantId));
  }

  markUsed(id: string): Promise<void> {
    this.used.push(id);
    return Promise.resolve();
  }
}

Deno.test("verify() knows a tenant's own secrets for the use client that have not expired", async () => {
  const store = new Store();
  store.secrets.push(
    await secret("good"),
    await secret("later", { expiresAt: 1_001 }),
    await secret("expired", { expiresAt: 1_000 }),
    await secret("connector", { use: "connector" }),
    await secret("other", { tenantId: "2" }),
  );
  const secrets = new TenantClientSecrets({ store, cacheDurationMs: 10_000, now: () => 1_000 });
  assert.equal(await secrets.verify("1", "good"), "good");
  assert.equal(await secrets.verify("1", "later"), "later");
  for (const text of ["expired", "connector", "other", "", "GOOD", "good ", "x".repeat(1_000)]) {
    assert.equal(await secrets.verify("1", text), undefined, text);
  }
  assert.equal(store.reads, 1);
});

Deno.test("verify() forgets a removed secret when its time is over, and at once when told", async () => {
  let nowMs = 0;
  const store = new Store();
  store.secrets.push(await secret("a"), await secret("b"));
  const secrets = new TenantClientSecrets({ store, cacheDurationMs: 10_000, now: () => 0, monotonicNow: () => nowMs });
  assert.equal(await secrets.verify("1", "a"), "a");
  store.secrets.shift();
  nowMs = 9_999;
  assert.equal(await secrets.verify("1", "a"), "a");
  nowMs = 10_000;
  assert.equal(await secrets.verify("1", "a"), undefined);
  store.secrets.pop();
  secrets.forgetAll();
  assert.equal(await secrets.verify("1", "b"), undefined);
});

Deno.test("verify() forgets a removed secret as soon although the clock was set back", async () => {
  const clock = new TestClock();
  const store = new Store();
  store.secrets.push(await secret("a"));
  const { now, monotonicNow } = clock;
  const secrets = new TenantClientSecrets({ store, cacheDurationMs: 10_000, now, monotonicNow });
  await secrets.verify("1", "a");
  store.secrets.pop();
  clock.setBack(3_600_000);
  clock.advance(10_000);
  assert.equal(await secrets.verify("1", "a"), undefined);
});

Deno.test("verify() notes the last use, a minute exact", async () => {
  let nowMs = 100_000;
  const store = new Store();
  store.secrets.push(await secret("a", { lastUsedAt: 90_000 }));
  const secrets = new TenantClientSecrets({ store, cacheDurationMs: 0, now: () => nowMs });
  await secrets.verify("1", "a");
  assert.deepEqual(store.used, []);
  nowMs = 150_000;
  await secrets.verify("1", "a");
  await secrets.verify("1", "a");
  assert.deepEqual(store.used, ["a"]);
});

Deno.test("verify() goes by what was known last while the store is away, and rejects where nothing was known", async () => {
  let nowMs = 0;
  const store = new Store();
  store.secrets.push(await secret("a"));
  const secrets = new TenantClientSecrets({ store, cacheDurationMs: 10_000, now: () => 0, monotonicNow: () => nowMs });
  assert.equal(await secrets.verify("1", "a"), "a");
  const error = new Error("the database is away");
  store.listByTenant = () => Promise.reject(error);
  nowMs = 20_000;
  assert.equal(await secrets.verify("1", "a"), "a");
  await assert.rejects(secrets.verify("2", "a"), { code: "authentication_unavailable", cause: error });
});

Deno.test("verify() does not remember a secret that was removed while it was being read", async () => {
  const store = new Store();
  store.secrets.push(await secret("a"));
  const secrets = new TenantClientSecrets({ store, cacheDurationMs: 10_000, now: () => 0 });
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Secret[]>();
  store.listByTenant = () => {
    asked.resolve();
    return answer.promise;
  };
  const verifying = secrets.verify("1", "a");
  await asked.promise;
  secrets.forgetAll();
  answer.resolve(store.secrets);
  await verifying;
  store.listByTenant = () => Promise.resolve([]);
  assert.equal(await secrets.verify("1", "a"), undefined);
});
