import assert from "node:assert/strict";
import { hashSecret } from "../../auth/mod.ts";
import type { ConnectionDocument } from "../connection_service.ts";
import { type ManagementSite, managementTestOnDatabases } from "../testing.ts";

async function secretsOf(site: ManagementSite, name: string) {
  await site.call("POST", "/management/tenants", { json: { name } });
  return `/management/tenants/${name}/secrets` as const;
}

managementTestOnDatabases("POST secrets shows the value once and stores its hash only", async (site) => {
  const path = await secretsOf(site, "acme");
  const expiration = new Date(Date.now() + 60_000).toISOString();
  const { status, json } = await site.call("POST", path, { json: { use: "client", expiration }, as: "writer" });
  assert.equal(status, 201);
  const { value, ...secret } = json;
  assert.match(value, /^[\w-]{43}$/);
  assert.deepEqual([secret.use, secret.expiration, secret.lastUsed], ["client", expiration, null]);
  const list = await site.call("GET", path, { as: "reader" });
  assert.deepEqual(list.json, { results: [secret], totalCount: 1, offset: 0, pageSize: 10 });
  assert.equal((await site.store.secrets.findById(secret.id))?.hash, await hashSecret(value));
  const audit = await site.call("GET", "/management/audit?action=secret.create");
  assert.deepEqual(audit.json.results[0]?.after, secret);
  assert.ok(!audit.text.includes(value));
});

managementTestOnDatabases(
  "POST secrets makes one for connectors that does not expire unless it is told otherwise",
  async (site) => {
    const path = await secretsOf(site, "acme");
    for (const json of [{}, { expiration: null }]) {
      const answer = await site.call("POST", path, { json });
      assert.deepEqual([answer.json.use, answer.json.expiration], ["connector", null]);
    }
    assert.equal((await site.call("GET", `${path}?skip=1&take=1`)).json.results.length, 1);
  },
);

managementTestOnDatabases("POST secrets takes points in time to come, with their offset", async (site) => {
  const path = await secretsOf(site, "acme");
  const post = (expiration: unknown) => site.call("POST", path, { json: { expiration } });
  assert.equal((await post("2999-12-31T23:59:59+02:00")).json.expiration, "2999-12-31T21:59:59.000Z");
  for (
    const wrong of ["2001-01-01T00:00:00Z", "2999-12-31", "2999-12-31T23:59:59", "2999-13-31T23:59:59Z", 5, "soon", ""]
  ) {
    const { status, problems } = await post(wrong);
    assert.deepEqual([status, problems[0]?.path], [400, "expiration"], String(wrong));
  }
});

managementTestOnDatabases("an id in an address counts in any case", async (site) => {
  const path = await secretsOf(site, "acme");
  const { id } = (await site.call("POST", path, { json: {} })).json;
  assert.equal((await site.call("DELETE", `${path}/${id.toUpperCase()}`)).status, 204);
  const { json } = await site.call("GET", `/management/audit?action=secret.remove&subjectId=${id}`);
  assert.equal(json.totalCount, 1);
});

managementTestOnDatabases("DELETE secrets removes a tenant's own secret only, and tells who uses it", async (site) => {
  const [path, other] = [await secretsOf(site, "acme"), await secretsOf(site, "other")];
  const { id } = (await site.call("POST", path, { json: {} })).json;
  const tenant = (await site.call("GET", "/management/tenants/acme")).json;
  assert.equal((await site.call("DELETE", `${other}/${id}`)).problem.code, "not_found");
  assert.equal((await site.call("DELETE", `${path}/${crypto.randomUUID()}`)).status, 404);
  assert.equal((await site.call("DELETE", `${path}/${id}`, { as: "writer" })).status, 204);
  assert.equal(site.told.at(-1), `secret removed ${tenant.id} ${id}`);
  assert.equal((await site.call("DELETE", `${path}/${id}`)).status, 404);
  assert.equal((await site.call("GET", "/management/audit?action=secret.remove")).json.totalCount, 1);
});

managementTestOnDatabases("secrets and connections of a tenant that does not exist are 404", async (site) => {
  for (const path of ["secrets", "connections", "requests", "statistics"]) {
    const { status, problem } = await site.call("GET", `/management/tenants/nobody/${path}`);
    assert.deepEqual([status, problem.code], [404, "tenant_unknown"], path);
  }
  assert.equal((await site.call("POST", "/management/tenants/nobody/secrets", { json: {} })).status, 404);
});

managementTestOnDatabases(
  "GET connections shows who is connected, DELETE disconnects a tenant's own only",
  async (site) => {
    await secretsOf(site, "acme");
    await secretsOf(site, "other");
    const tenant = (await site.call("GET", "/management/tenants/acme")).json;
    const entry = {
      id: crypto.randomUUID(),
      tenantId: tenant.id,
      originId: crypto.randomUUID(),
      peerAddress: "192.0.2.1",
      connectedAt: Date.UTC(2026, 0, 1),
      machineName: "<site>",
      version: "1.2.3",
      targets: ["erp"],
      unhealthyTargets: ["erp"],
      roundTripMs: 1.5,
      inFlight: 3,
      capacity: 256,
    };
    site.connections.push(entry);
    const path = "/management/tenants/acme/connections";
    const { id, originId, machineName, version, targets, inFlight, capacity } = entry;
    const connected = "2026-01-01T00:00:00.000Z";
    assert.deepEqual((await site.call("GET", path, { as: "reader" })).json, {
      results: [{
        id,
        originId,
        address: "192.0.2.1",
        connected,
        machineName,
        version,
        targets,
        unhealthyTargets: ["erp"],
        inFlight,
        capacity,
        roundTripMs: 1.5,
      }],
      totalCount: 1,
      offset: 0,
      pageSize: 10,
    });
    assert.equal((await site.call("GET", "/management/tenants/acme")).json.connections, 1);
    assert.equal((await site.call("GET", "/management/tenants")).json.results[0]?.connections, 1);
    assert.equal((await site.call("DELETE", `/management/tenants/other/connections/${id}`)).status, 404);
    assert.equal((await site.call("DELETE", `${path}/${id}`, { as: "writer" })).status, 204);
    assert.equal((await site.call("DELETE", `${path}/${id}`)).status, 404);
    const [closing] = (await site.call("GET", "/management/audit?action=connection.close")).json.results;
    assert.equal((closing?.before as ConnectionDocument).id, id);
  },
);
