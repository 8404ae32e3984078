import assert from "node:assert/strict";
import type { LoggedRequest } from "../../persistence/mod.ts";
import { loggedRequest } from "../../persistence/testing.ts";
import { type ManagementSite, managementTestOnDatabases } from "../testing.ts";

const START = Date.UTC(2026, 5, 1, 12);
const MINUTE_MS = 60_000;

async function createTenant(site: ManagementSite, name: string): Promise<string> {
  return (await site.call("POST", "/management/tenants", { json: { name } })).json.id;
}

function logged(tenantId: string | null, minute: number, differences: Partial<LoggedRequest> = {}): LoggedRequest {
  return loggedRequest({ tenantId, startedAt: START + minute * MINUTE_MS, ...differences });
}

managementTestOnDatabases(
  "requests are listed newest first and read by id, by their tenant or of all",
  async (site) => {
    const [acme, other] = [await createTenant(site, "acme"), await createTenant(site, "other")];
    const rows = [logged(acme, 0), logged(acme, 1), logged(other, 2, { tenantName: "other" }), logged(null, 3)];
    await site.store.requests.insertMany(rows);
    const ids = async (path: "requests" | "tenants/ACME/requests", query = "") => {
      const { json } = await site.call("GET", `/management/${path}?${query}`, { as: "reader" });
      return json.results.map(({ id }) => rows.findIndex((row) => row.id === id));
    };
    assert.deepEqual(await ids("requests"), [3, 2, 1, 0]);
    assert.deepEqual(await ids("requests", "skip=1&take=2"), [2, 1]);
    assert.deepEqual(await ids("tenants/ACME/requests"), [1, 0]);
    assert.deepEqual(await ids("requests", "tenant=Other"), [2]);
    assert.deepEqual(await ids("requests", `tenantId=${other}`), [2]);
    assert.equal((await site.call("GET", "/management/requests?tenant=gone")).status, 404);
    const { startedAt, ...rest } = rows[0]!;
    const one = await site.call("GET", `/management/requests/${rows[0]!.id}`);
    assert.deepEqual(one.json, { ...rest, started: new Date(startedAt).toISOString() });
    assert.equal((await site.call("GET", `/management/requests/${crypto.randomUUID()}`)).status, 404);
  },
);

managementTestOnDatabases("requests are found by every filter, and by several together", async (site) => {
  const acme = await createTenant(site, "acme");
  const rows = [
    logged(acme, 0),
    logged(acme, 1, { outcome: "failed", status: 502, errorCode: "target_unreachable" }),
    logged(acme, 2, { outcome: "expired", status: 504, errorCode: "request_expired", target: "crm" }),
    logged(acme, 3, { method: "POST", path: "/Orders/<b>%27", clientAddress: "2001:db8::1", status: 404 }),
  ];
  await site.store.requests.insertMany(rows);
  const found = async (query: string) => {
    const { json } = await site.call("GET", `/management/tenants/acme/requests?${query}`);
    assert.equal(json.totalCount, json.results.length, query);
    return json.results.map(({ id }) => rows.findIndex((row) => row.id === id));
  };
  const at = (minute: number) => encodeURIComponent(new Date(START + minute * MINUTE_MS).toISOString());
  assert.deepEqual(await found(`from=${at(1)}&to=${at(3)}`), [2, 1]);
  assert.deepEqual(await found(`from=${encodeURIComponent("2026-06-01T14:03:00+02:00")}`), [3]);
  assert.deepEqual(await found("outcome=failed"), [1]);
  assert.deepEqual(await found("outcome=failed,expired"), [2, 1]);
  assert.deepEqual(await found("status=404"), [3]);
  assert.deepEqual(await found("status=5xx"), [2, 1]);
  assert.deepEqual(await found("status=404-502"), [3, 1]);
  assert.deepEqual(await found("target=crm"), [2]);
  assert.deepEqual(await found("method=POST"), [3]);
  assert.deepEqual(await found("path=orders"), [3, 2, 1, 0]);
  assert.deepEqual(await found(`path=${encodeURIComponent("<b>%27")}`), [3]);
  assert.deepEqual(await found("errorCode=request_expired"), [2]);
  assert.deepEqual(await found(`clientAddress=${encodeURIComponent("2001:db8::1")}`), [3]);
  assert.deepEqual(await found(`originId=${rows[2]!.originId}`), [2]);
  assert.deepEqual(await found(`connectionId=${rows[0]!.connectionId}`), [0]);
  assert.deepEqual(await found(`requestId=${rows[1]!.id}`), [1]);
  assert.deepEqual(await found("status=5xx&target=crm&outcome=expired"), [2]);
  assert.deepEqual(await found(`requestId=${rows[1]!.id}&status=5xx&from=${at(1)}`), [1]);
  for (const other of ["status=404", "target=crm", "outcome=succeeded", `from=${at(2)}`, `to=${at(1)}`]) {
    assert.deepEqual(await found(`requestId=${rows[1]!.id}&${other}`), [], other);
  }
  assert.deepEqual(await found("target=' or 1=1 --"), []);
});

managementTestOnDatabases("a request of another tenant is not found through a tenant", async (site) => {
  const [acme] = [await createTenant(site, "acme"), await createTenant(site, "other")];
  const row = logged(acme, 0);
  await site.store.requests.insertMany([row]);
  const { json } = await site.call("GET", `/management/tenants/other/requests?requestId=${row.id}`);
  assert.deepEqual([json.totalCount, json.results], [0, []]);
});

managementTestOnDatabases("statistics are summed up by interval", async (site) => {
  const acme = await createTenant(site, "acme");
  const entry = (minute: number, changes = {}) => ({
    tenantId: acme,
    target: "erp",
    intervalStart: START + minute * MINUTE_MS,
    requests: 10,
    errors: 1,
    expired: 2,
    aborted: 3,
    requestBytes: 100,
    responseBytes: 200,
    durationMsSum: 50,
    durationMsMax: 20,
    ...changes,
  });
  await site.store.statistics.add([entry(0), entry(1, { target: "crm", durationMsMax: 90 }), entry(7)]);
  const read = async (query: string) =>
    (await site.call("GET", `/management/tenants/acme/statistics?${query}`, { as: "reader" })).json;
  const range = "from=2026-06-01T12:02:30Z&to=2026-06-01T13:00:00Z";
  assert.deepEqual(await read(`${range}&resolution=00:05:00`), {
    from: "2026-06-01T12:00:00.000Z",
    to: "2026-06-01T13:00:00.000Z",
    resolution: "00:05:00",
    results: [
      {
        start: "2026-06-01T12:00:00.000Z",
        requests: 20,
        errors: 2,
        expired: 4,
        aborted: 6,
        requestBytes: 200,
        responseBytes: 400,
        averageDurationMs: 5,
        maximumDurationMs: 90,
      },
      {
        start: "2026-06-01T12:05:00.000Z",
        requests: 10,
        errors: 1,
        expired: 2,
        aborted: 3,
        requestBytes: 100,
        responseBytes: 200,
        averageDurationMs: 5,
        maximumDurationMs: 20,
      },
    ],
  });
  assert.equal((await read(`${range}&target=crm`)).results[0]?.requests, 10);
  const { from, to, resolution } = await read("");
  assert.deepEqual([resolution, Date.parse(to) - Date.parse(from) <= 25 * 60 * MINUTE_MS], ["01:00:00", true]);
});

managementTestOnDatabases("origins are listed, the newest first", async (site) => {
  const origin = { id: crypto.randomUUID(), machineName: "<m>", version: "1", publicUrl: null, connections: 2 };
  await site.store.origins.save({ ...origin, state: "stopped", startedAt: START });
  await site.store.origins.save({ ...origin, id: crypto.randomUUID(), state: "ready", startedAt: START + 1 });
  const { json } = await site.call("GET", "/management/origins", { as: "reader" });
  assert.deepEqual(json.results.map(({ state }) => state), ["ready", "stopped"]);
  const { lastSeen, ...rest } = json.results[1]!;
  assert.deepEqual(rest, { ...origin, state: "stopped", started: new Date(START).toISOString() });
  assert.ok(Date.parse(lastSeen) > START);
});
