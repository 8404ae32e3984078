import assert from "node:assert/strict";
import { LeaseRepository } from "./leases.ts";
import type { Database } from "./schema.ts";
import type { StoredRequest } from "./stored_request.ts";
import { StoredRequestRepository } from "./stored_requests.ts";
import { TenantRepository } from "./tenants.ts";
import { storedRequest, testOnDatabases } from "./testing.ts";

const NOW = 1_000_000;

async function open(db: Database) {
  const { id: tenantId } = await new TenantRepository(db, () => NOW).insert("acme", {});
  let sequence = 0;
  const make = (differences: Partial<StoredRequest> = {}): StoredRequest =>
    storedRequest({
      ...{ tenantId, sequence: ++sequence, isTraced: true },
      path: "/\u00ff?q=%00",
      headers: [["X-A", "\u00e9"], ["X-A", "2"]],
      body: new Uint8Array([0, 255, 10]),
      bodyBytes: 3,
      ...{ createdAt: NOW, expiresAt: NOW + 1_000, nextAttemptAt: NOW },
      ...differences,
    });
  return { tenantId, make, stored: new StoredRequestRepository(db) };
}

testOnDatabases("insertMany() keeps everything, for any number of requests, and leaves what is there", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const requests = Array.from({ length: 131 }, () => make());
  await stored.insertMany(requests);
  await stored.insertMany([{ ...requests[0]!, method: "PUT" }]);
  const { results, totalCount } = await stored.list(tenantId, { states: ["waiting"], skip: 0, take: 200 });
  assert.equal(totalCount, 131);
  assert.deepEqual(results, requests);
  assert.deepEqual(await stored.usage(tenantId), { requests: 131, bytes: 393 });
});

testOnDatabases("insertMany() says that the tenant is gone, for one request as for several", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const orphan = make({ tenantId: crypto.randomUUID() });
  await assert.rejects(stored.insertMany([orphan]), { code: "owner_missing" });
  await assert.rejects(stored.insertMany([make(), orphan]), { code: "owner_missing" });
  assert.deepEqual(await stored.usage(tenantId), { requests: 0, bytes: 0 });
});

testOnDatabases("claim() gives the oldest that are due, once, and counts the delivery", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const [later, first, second, third, expired] = [
    make({ nextAttemptAt: NOW + 500 }),
    make(),
    make({ attempts: 2 }),
    make(),
    make({ expiresAt: NOW }),
  ];
  await stored.insertMany([third, expired, later, second, first].filter((request) => request !== undefined));
  const [claimed, others] = await Promise.all(
    ["a", "b"].map((holder) => stored.claim(tenantId, { holder, limit: 2, nowMs: NOW })),
  );
  const all = [...claimed!, ...others!];
  assert.deepEqual(all.map(({ id }) => id).sort(), [first!.id, second!.id, third!.id].sort());
  assert.equal(all.find(({ id }) => id === second!.id)?.attempts, 3);
  assert.equal(await stored.nextAttemptAt(tenantId, { nowMs: NOW }), later!.nextAttemptAt);
  assert.equal(await stored.nextAttemptAt(tenantId, { nowMs: later!.expiresAt }), undefined);
  assert.deepEqual(await stored.claim(tenantId, { holder: "a", limit: 9, nowMs: NOW }), []);
});

testOnDatabases("claim() gives no more than it is asked for, however many are due", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const requests = Array.from({ length: 20 }, () => make());
  await stored.insertMany(requests);
  const claimed: string[][] = [];
  for (const limit of [1, 3, 9]) {
    claimed.push((await stored.claim(tenantId, { holder: "a", limit, nowMs: NOW })).map(({ id }) => id));
  }
  const ids = requests.map(({ id }) => id);
  assert.deepEqual(claimed, [ids.slice(0, 1), ids.slice(1, 4), ids.slice(4, 13)]);
});

testOnDatabases("reschedule() and bury() do nothing for who does not hold the request any more", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const request = make({ state: "delivering", holder: "a", attempts: 1 });
  await stored.insertMany([request]);
  const next = { id: request.id, attempts: 2, nextAttemptAt: NOW + 1, lastError: "lost", isKept: false };
  assert.equal(await stored.reschedule({ ...next, holder: "b" }), false);
  assert.equal(await stored.bury({ ...next, holder: "b", reason: "refused" }), false);
  assert.equal(await stored.reschedule({ ...next, holder: "a", isKept: true }), true);
  assert.equal(await stored.reschedule({ ...next, holder: "a" }), true);
  assert.equal(await stored.bury({ ...next, holder: "a", reason: "refused" }), false);
  const found = await stored.find(tenantId, { id: request.id, states: ["waiting"] });
  assert.deepEqual([found?.attempts, found?.holder, found?.lastError], [2, null, "lost"]);
});

testOnDatabases("reschedule() and bury() take whatever a connector says that went wrong", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const [kept, given] = [1, 2].map(() => make({ state: "delivering", holder: "a", attempts: 1 }));
  await stored.insertMany([kept!, given!]);
  const next = { holder: "a", attempts: 1, lastError: "target_timeout: a\0b" };
  assert.equal(await stored.reschedule({ ...next, id: kept!.id, nextAttemptAt: NOW, isKept: false }), true);
  assert.equal(await stored.bury({ ...next, id: given!.id, reason: "redelivery_limit" }), true);
  const { results } = await stored.list(tenantId, { states: ["waiting", "dead"], skip: 0, take: 9 });
  const lastError = "target_timeout: a\uFFFDb";
  assert.deepEqual(results.map(({ lastError }) => lastError), [lastError, lastError]);
});

testOnDatabases("recover() takes requests away from the dead only", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const leases = new LeaseRepository(db, () => NOW);
  await leases.acquire("queue:leased", { holder: "leased", durationMs: 1_000 });
  await leases.acquire("queue:expired", { holder: "expired", durationMs: -1 });
  const holders = ["self", "leased", "expired", "unknown"];
  await stored.insertMany(holders.map((holder) => make({ state: "delivering", holder })));
  assert.equal(await stored.recover({ alive: ["self"], leasePrefix: "queue:", nowMs: NOW }), 2);
  const { results } = await stored.list(tenantId, { states: ["delivering"], skip: 0, take: 9 });
  assert.deepEqual(results.map(({ holder }) => holder), ["self", "leased"]);
});

testOnDatabases("acknowledge() removes a manual request once, and none that is dead or of others", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const [good, other, dead] = [make({ mode: "manual" }), make(), make({ mode: "manual", state: "dead" })];
  await stored.insertMany([good!, other!, dead!]);
  assert.equal(await stored.acknowledge(crypto.randomUUID(), { id: good!.id }), undefined);
  assert.equal((await stored.acknowledge(tenantId, { id: good!.id }))?.id, good!.id);
  for (const { id } of [good!, other!, dead!]) assert.equal(await stored.acknowledge(tenantId, { id }), undefined);
});

testOnDatabases("expire() gives up what waited too long, and revive() sends it on its way again", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const [old, young] = [make({ expiresAt: NOW }), make()];
  await stored.insertMany([old!, young!]);
  assert.equal(await stored.expire(NOW), 1);
  assert.deepEqual(await stored.totals(), { queued: 1, dead: 1, oldestAt: NOW });
  assert.equal(await stored.revive(tenantId, { id: young!.id, nowMs: NOW, expiresAt: NOW + 9 }), false);
  assert.equal(await stored.revive(tenantId, { id: old!.id, nowMs: NOW, expiresAt: NOW + 9 }), true);
  assert.equal((await stored.claim(tenantId, { holder: "a", limit: 9, nowMs: NOW })).length, 2);
});

testOnDatabases("revive() keeps in mind how often a request was delivered before, each time", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const { id } = make();
  await stored.insertMany([make({ id, state: "dead", reason: "redelivery_limit", attempts: 6 })]);
  for (const earlierDeliveries of [6, 7]) {
    assert.equal(await stored.revive(tenantId, { id, nowMs: NOW, expiresAt: NOW + 9 }), true);
    const [claimed] = await stored.claim(tenantId, { holder: "a", limit: 1, nowMs: NOW });
    assert.deepEqual([claimed?.attempts, claimed?.earlierDeliveries], [1, earlierDeliveries]);
    await stored.bury({ id, holder: "a", attempts: 1, reason: "refused", lastError: null });
  }
});

testOnDatabases("count() and countByTenant() tell who has stored how many, most dead letters first", async (db) => {
  const { stored, make, tenantId } = await open(db);
  const { id: other } = await new TenantRepository(db, () => NOW).insert("other", {});
  const dead = { tenantId: other, state: "dead", reason: "expired" } as const;
  await stored.insertMany([make(), make(), make({ state: "delivering", holder: "a" }), make(dead), make(dead)]);
  assert.deepEqual(await stored.count(), { queued: 3, dead: 2 });
  assert.deepEqual(await stored.count(tenantId), { queued: 3, dead: 0 });
  const counts = await stored.countByTenant({ take: 2 });
  assert.deepEqual(counts, [
    { tenantName: "other", queued: 0, dead: 2 },
    { tenantName: "acme", queued: 3, dead: 0 },
  ]);
  assert.equal((await stored.countByTenant({ take: 1 })).length, 1);
});
