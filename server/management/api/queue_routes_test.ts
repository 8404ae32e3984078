import assert from "node:assert/strict";
import type { StoredRequest } from "../../persistence/mod.ts";
import { storedRequest } from "../../persistence/testing.ts";
import { type ManagementSite, managementTest, managementTestOnDatabases } from "../testing.ts";

const PATH = "/management/tenants/acme";

/** Stores a request of the tenant `acme`. */
async function store(site: ManagementSite, differences: Partial<StoredRequest> = {}): Promise<StoredRequest> {
  const tenant = await site.store.tenants.findByName("acme") ?? await site.store.tenants.insert("acme", {});
  const request = storedRequest({
    tenantId: tenant.id,
    path: "/orders?key=secret",
    headers: [["Authorization", "Bearer secret"]],
    body: new TextEncoder().encode("hello"),
    bodyBytes: 5,
    ...differences,
  });
  await site.store.stored.insertMany([request]);
  return request;
}

managementTestOnDatabases("GET queue lists what waits and is delivered, in order, without secrets", async (site) => {
  const second = await store(site, { sequence: 2, state: "delivering", holder: crypto.randomUUID() });
  const first = await store(site);
  await store(site, { state: "dead", reason: "expired" });
  const { status, json, text } = await site.call("GET", `${PATH}/queue`, { as: "reader" });
  assert.equal(status, 200);
  assert.equal(json.totalCount, 2);
  assert.deepEqual(json.results.map(({ id }) => id), [first.id, second.id]);
  assert.equal(json.results[0]?.path, "/orders");
  assert.doesNotMatch(text, /secret/);
  const one = await site.call("GET", `${PATH}/queue/${second.id}`, { as: "reader" });
  assert.equal(one.json.originId, second.holder);
});

managementTestOnDatabases("GET one stored request shows its headers, credentials masked", async (site) => {
  const headers = [["Authorization", "Bearer secret"], ["X-Mine", "1"], ["Referer", "/a?token=secret"]] as const;
  const { id } = await store(site, { headers });
  const { json } = await site.call("GET", `${PATH}/queue/${id}`, { as: "reader" });
  assert.deepEqual(json.headers, [
    { name: "Authorization", value: "[masked]" },
    { name: "X-Mine", value: "1" },
    { name: "Referer", value: "/a?token=******" },
  ]);
});

managementTestOnDatabases("GET status counts stored requests, and names the tenants that have them", async (site) => {
  await store(site);
  await store(site, { state: "dead", reason: "expired" });
  const { json } = await site.call("GET", "/management/status", { as: "reader" });
  assert.deepEqual([json.queuedRequests, json.deadLetters], [1, 1]);
  assert.deepEqual(json.stored, [{ tenantName: "acme", queuedRequests: 1, deadLetters: 1 }]);
});

managementTestOnDatabases("DELETE queue removes one request, or all, and writes it down", async (site) => {
  const first = await store(site);
  await store(site);
  await store(site);
  const dead = await store(site, { state: "dead", reason: "expired" });
  assert.equal((await site.call("DELETE", `${PATH}/queue/${first.id}`, { as: "writer" })).status, 204);
  assert.equal((await site.call("DELETE", `${PATH}/queue/${first.id}`, { as: "writer" })).status, 404);
  assert.equal((await site.call("DELETE", `${PATH}/queue/${dead.id}`, { as: "writer" })).status, 404);
  const all = await site.call("DELETE", `${PATH}/queue`, { as: "writer" });
  assert.deepEqual([all.status, all.json], [200, { removed: 2 }]);
  const { results } = await site.store.audit.find({ filter: { action: "queue.remove" } });
  assert.deepEqual(results.map(({ before }) => before).reverse(), [{ requests: 1 }, { requests: 2 }]);
  assert.equal((await site.call("GET", `${PATH}/dead-letters`, { as: "reader" })).json.totalCount, 1);
});

managementTestOnDatabases("POST resend puts a dead letter into the queue as if it were new", async (site) => {
  const dead = await store(site, { state: "dead", reason: "redelivery_limit", attempts: 6 });
  assert.equal((await site.call("POST", `${PATH}/dead-letters/${dead.id}/resend`, { as: "writer" })).status, 204);
  const { json } = await site.call("GET", `${PATH}/queue/${dead.id}`, { as: "reader" });
  assert.deepEqual([json.state, json.attempts, json.reason], ["waiting", 0, null]);
  assert.equal((await site.call("POST", `${PATH}/dead-letters/${dead.id}/resend`, { as: "writer" })).status, 404);
});

managementTestOnDatabases("DELETE tenant refuses while it has stored requests, unless they may go", async (site) => {
  await store(site);
  const refused = await site.call("DELETE", PATH, { as: "writer" });
  assert.deepEqual([refused.status, refused.problem.code], [409, "queue_not_empty"]);
  assert.equal((await site.call("GET", `${PATH}/queue`, { as: "reader" })).json.totalCount, 1);
  assert.equal((await site.call("DELETE", `${PATH}?discardQueued=true`, { as: "writer" })).status, 204);
  assert.equal((await site.store.stored.totals()).queued, 0);
});

managementTest("requests of another tenant are not found", async (site) => {
  const { id } = await store(site);
  await site.store.tenants.insert("other", {});
  for (const list of ["queue", "dead-letters"]) {
    assert.equal((await site.call("GET", `/management/tenants/other/${list}/${id}`, { as: "reader" })).status, 404);
  }
  assert.equal((await site.call("DELETE", `/management/tenants/other/queue/${id}`, { as: "writer" })).status, 404);
});
