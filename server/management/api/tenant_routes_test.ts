import assert from "node:assert/strict";
import type { TenantDocument } from "../tenant_document.ts";
import { type ManagementSite, managementTestOnDatabases } from "../testing.ts";

const PATH = "/management/tenants";

async function create(site: ManagementSite, json: Record<string, unknown>): Promise<void> {
  const { status } = await site.call("POST", PATH, { json });
  assert.equal(status, 201);
}

managementTestOnDatabases("POST tenants makes a tenant with the defaults of RelayServer v3", async (site) => {
  const answer = await site.call("POST", PATH, { json: { name: "Acme" }, as: "writer" });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get("Location"), `${PATH}/Acme`);
  assert.equal(answer.headers.get("ETag"), '"1"');
  assert.equal(answer.headers.get("Cache-Control"), "no-store");
  const { id, created, updated, ...rest } = answer.json;
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(new Date(created).toISOString(), created);
  assert.equal(updated, created);
  assert.deepEqual(rest, {
    name: "Acme",
    displayName: null,
    description: null,
    requireAuthentication: false,
    maximumConcurrentConnectorRequests: 0,
    keepAliveInterval: null,
    enableTracing: false,
    reconnectMinimumDelay: null,
    reconnectMaximumDelay: null,
    acknowledgeMode: null,
    requireActiveConnection: null,
    enabled: true,
    accessPolicy: null,
    connections: 0,
  });
  assert.deepEqual(site.told, [`changed ${id}`]);
});

managementTestOnDatabases(
  "POST tenants keeps every field, durations as hh:mm:ss whatever form they came in",
  async (site) => {
    const sent = {
      name: "acme",
      displayName: "Acme <b>Inc</b>",
      description: "'; drop table tenants; --\nsecond line",
      requireAuthentication: true,
      maximumConcurrentConnectorRequests: 12,
      keepAliveInterval: "00:00:30",
      enableTracing: null,
      reconnectMinimumDelay: "1500ms",
      reconnectMaximumDelay: "1.02:03:04",
      acknowledgeMode: "manual",
      requireActiveConnection: false,
      enabled: false,
      accessPolicy: { default: "deny" },
    };
    await create(site, sent);
    const { json } = await site.call("GET", `${PATH}/ACME`, { as: "reader" });
    const { id: _id, created: _created, updated: _updated, connections: _connections, ...kept } = json;
    assert.deepEqual(kept, { ...sent, reconnectMinimumDelay: "00:00:01.500" });
  },
);

managementTestOnDatabases("POST tenants refuses a name that exists, in any case", async (site) => {
  await create(site, { name: "acme" });
  const { status, problem } = await site.call("POST", PATH, { json: { name: "ACME" } });
  assert.deepEqual([status, problem.code], [409, "name_taken"]);
  assert.equal(site.told.length, 1);
});

managementTestOnDatabases(
  "PUT gives fields of RelayServer v3 their defaults when they are absent, and keeps the others",
  async (site) => {
    await create(site, {
      name: "acme",
      displayName: "Acme",
      requireAuthentication: true,
      keepAliveInterval: "00:00:30",
      enableTracing: true,
      acknowledgeMode: "manual",
      requireActiveConnection: false,
      enabled: false,
      accessPolicy: { default: "deny" },
    });
    const { status, json, headers } = await site.call("PUT", `${PATH}/acme`, { json: { description: "only this" } });
    assert.equal(status, 200);
    assert.equal(headers.get("ETag"), '"2"');
    assert.deepEqual([json.displayName, json.description, json.requireAuthentication], [null, "only this", false]);
    assert.deepEqual([json.keepAliveInterval, json.enableTracing], [null, false]);
    assert.deepEqual([json.acknowledgeMode, json.requireActiveConnection, json.enabled], ["manual", false, false]);
    assert.deepEqual(json.accessPolicy, { default: "deny" });
    const cleared = await site.call("PUT", `${PATH}/acme`, {
      json: { acknowledgeMode: null, requireActiveConnection: null, accessPolicy: null, enabled: true },
    });
    const { acknowledgeMode, requireActiveConnection, accessPolicy, enabled } = cleared.json;
    assert.deepEqual([acknowledgeMode, requireActiveConnection, accessPolicy, enabled], [null, null, null, true]);
  },
);

managementTestOnDatabases("PUT takes a document back as GET gave it", async (site) => {
  await create(site, { name: "acme", displayName: "Acme", reconnectMaximumDelay: "00:05:00" });
  const before = await site.call("GET", `${PATH}/acme`);
  const after = await site.call("PUT", `${PATH}/acme`, { json: { ...before.json, description: "new" } });
  assert.equal(after.status, 200);
  assert.deepEqual({ ...after.json, updated: 0 }, { ...before.json, description: "new", updated: 0 });
});

managementTestOnDatabases("PUT does not rename", async (site) => {
  await create(site, { name: "acme" });
  const other = await site.call("PUT", `${PATH}/acme`, { json: { name: "other" } });
  assert.deepEqual([other.status, other.problems[0]?.path], [400, "name"]);
  assert.equal((await site.call("PUT", `${PATH}/acme`, { json: { name: "Acme" } })).json.name, "acme");
});

managementTestOnDatabases("PUT and DELETE with If-Match change only what the client has seen", async (site) => {
  await create(site, { name: "acme" });
  const put = (tag: string) => site.call("PUT", `${PATH}/acme`, { json: {}, headers: { "If-Match": tag } });
  assert.equal((await put('"1"')).headers.get("ETag"), '"2"');
  for (const tag of ['"1"', 'W/"2"', '"x"', '""']) {
    const { status, problem } = await put(tag);
    assert.deepEqual([status, problem.code], [412, "version_conflict"], tag);
  }
  assert.equal((await put('"9", "2"')).status, 200);
  assert.equal((await put("*")).status, 200);
  assert.equal((await put("2")).problems[0]?.in, "header");
  const remove = (tag: string) => site.call("DELETE", `${PATH}/acme`, { headers: { "If-Match": tag } });
  assert.equal((await remove('"2"')).status, 412);
  assert.equal((await remove('"4"')).status, 204);
  assert.equal((await remove('"4"')).status, 404);
});

managementTestOnDatabases("of two writers with the same version one wins; without one both do", async (site) => {
  await create(site, { name: "acme" });
  const put = (displayName: string, headers = {}) =>
    site.call("PUT", `${PATH}/acme`, { json: { displayName }, headers });
  const strict = await Promise.all(["a", "b", "c"].map((name) => put(name, { "If-Match": '"1"' })));
  assert.deepEqual(strict.map(({ status }) => status).sort(), [200, 412, 412]);
  const loose = await Promise.all(["a", "b", "c", "d"].map((name) => put(name)));
  assert.deepEqual(loose.map(({ status }) => status), [200, 200, 200, 200]);
  assert.equal((await site.call("GET", `${PATH}/acme`)).headers.get("ETag"), '"6"');
});

managementTestOnDatabases("GET with If-None-Match answers 304 when nothing has changed", async (site) => {
  await create(site, { name: "acme" });
  const get = (tag: string) => site.call("GET", `${PATH}/acme`, { headers: { "If-None-Match": tag } });
  const same = await get('"1"');
  assert.deepEqual([same.status, same.text, same.headers.get("ETag")], [304, "", '"1"']);
  assert.equal((await get('"0"')).status, 200);
});

managementTestOnDatabases(
  "DELETE removes a tenant; one of that name that is made later inherits nothing",
  async (site) => {
    await create(site, { name: "acme", displayName: "old" });
    const { id } = (await site.call("GET", `${PATH}/acme`)).json;
    const secret = await site.call("POST", `${PATH}/acme/secrets`, { json: {} });
    assert.equal((await site.call("DELETE", `${PATH}/ACME`, { as: "writer" })).status, 204);
    assert.equal((await site.call("GET", `${PATH}/acme`)).problem.code, "tenant_unknown");
    assert.equal(site.told.at(-1), `removed ${id}`);
    await create(site, { name: "acme" });
    const anew = (await site.call("GET", `${PATH}/acme`)).json;
    assert.notEqual(anew.id, id);
    assert.equal(anew.displayName, null);
    assert.equal((await site.call("GET", `${PATH}/acme/secrets`)).json.totalCount, 0);
    assert.equal((await site.call("DELETE", `${PATH}/acme/secrets/${secret.json.id}`)).status, 404);
  },
);

managementTestOnDatabases("GET tenants gives pages by name, searched in name and display name", async (site) => {
  for (const name of ["delta", "Alpha", "charlie", "bravo"]) await create(site, { name, displayName: `X ${name}%` });
  const list = async (query: string) => {
    const { json } = await site.call("GET", `${PATH}?${query}`, { as: "reader" });
    return [json.results.map(({ name }) => name), json.totalCount, json.offset, json.pageSize];
  };
  assert.deepEqual(await list(""), [["Alpha", "bravo", "charlie", "delta"], 4, 0, 10]);
  assert.deepEqual(await list("skip=1&take=2"), [["bravo", "charlie"], 4, 1, 2]);
  assert.deepEqual(await list("skip=9"), [[], 4, 9, 10]);
  assert.deepEqual(await list("search=ALPH"), [["Alpha"], 1, 0, 10]);
  assert.deepEqual(await list("search=x+br"), [["bravo"], 1, 0, 10]);
  assert.deepEqual(await list("search=%25"), [["Alpha", "bravo", "charlie", "delta"], 4, 0, 10]);
  assert.deepEqual(await list("search=_"), [[], 0, 0, 10]);
  assert.deepEqual(await list("search='%20or%201=1--"), [[], 0, 0, 10]);
});

managementTestOnDatabases("every change of a tenant is in the audit: who, what, before and after", async (site) => {
  await create(site, { name: "acme" });
  await site.call("PUT", `${PATH}/acme`, { json: { displayName: "Acme" }, as: "writer" });
  await site.call("PUT", `${PATH}/acme`, { json: { displayName: 1 } });
  await site.call("DELETE", `${PATH}/acme`);
  const { json } = await site.call("GET", "/management/audit?subjectKind=tenant", { as: "reader" });
  assert.equal(json.totalCount, 3);
  const nameOf = (tenant: unknown) => (tenant as TenantDocument | null)?.displayName;
  assert.deepEqual(
    json.results.map(({ action, before, after }) => [action, nameOf(before), nameOf(after)]).reverse(),
    [["tenant.create", undefined, null], ["tenant.update", null, "Acme"], ["tenant.remove", "Acme", undefined]],
  );
  const change = json.results[1]!;
  assert.match(change.actor.name, /^writer /);
  assert.deepEqual([change.actor.kind, change.actor.clientAddress], ["api_key", "192.0.2.7"]);
  assert.deepEqual([change.subject.kind, change.subject.name], ["tenant", "acme"]);
  const of = (query: string) => site.call("GET", `/management/audit?${query}`);
  assert.equal((await of("action=tenant.update")).json.totalCount, 1);
  assert.equal((await of(`actorId=${change.actor.id}`)).json.totalCount, 1);
  assert.equal((await of("from=2999-01-01T00:00:00Z")).json.totalCount, 0);
});

managementTestOnDatabases("a change that fails leaves neither a row nor an audit entry behind", async (site) => {
  site.store.audit.insert = () => Promise.reject(new Error("no"));
  const original = site.store.transaction;
  Object.assign(site.store, {
    transaction: (work: Parameters<typeof original>[0]) =>
      original((repositories) => work({ ...repositories, audit: site.store.audit })),
  });
  assert.equal((await site.call("POST", PATH, { json: { name: "acme" } })).status, 500);
  assert.equal((await site.call("GET", `${PATH}/acme`)).status, 404);
  assert.deepEqual(site.told, []);
});

managementTestOnDatabases(
  "GET with If-None-Match tells that connectors have come since, and its ETag is good for a change",
  async (site) => {
    await site.call("POST", PATH, { json: { name: "acme" } });
    const read = (tag: string) => site.call("GET", `${PATH}/acme`, { headers: { "If-None-Match": tag } });
    const { id } = (await site.call("GET", `${PATH}/acme`)).json;
    assert.equal((await read('"1"')).status, 304);
    site.connections.push({
      id: crypto.randomUUID(),
      tenantId: id,
      originId: crypto.randomUUID(),
      peerAddress: "192.0.2.1",
      connectedAt: 1_000,
      machineName: "machine",
      version: "1",
      targets: [],
      inFlight: 0,
      capacity: 1,
    });
    const { status, json, headers } = await read('"1"');
    assert.deepEqual([status, json.connections], [200, 1]);
    const tag = headers.get("ETag") ?? "";
    assert.equal((await read(tag)).status, 304);
    const change = { json: { displayName: "Acme" }, headers: { "If-Match": tag } };
    assert.equal((await site.call("PUT", `${PATH}/acme`, change)).status, 200);
    assert.equal((await site.call("PUT", `${PATH}/acme`, change)).status, 412);
  },
);
