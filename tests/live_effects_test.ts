import assert from "node:assert/strict";
import type { TenantSettings } from "../server/persistence/mod.ts";
import { FrameType } from "../shared/protocol/frame.ts";
import { startConnector } from "./testkit/connector.ts";
import { assertAnswer, assertProblem, requestToken } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { ManagementClient } from "./testkit/management.ts";
import { polled } from "./testkit/polled.ts";
import { RawConnector, refusedUpgrade } from "./testkit/raw_connector.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import type { TestTenant } from "./testkit/tenants.ts";

/** How a change is made, and what the server must be told to hear of it. */
interface Change {
  /** How long tenants are cached. */
  readonly cached: string;
  updateTenant(server: TestServer, tenant: TestTenant, settings: Partial<TenantSettings>): Promise<void>;
  removeTenant(server: TestServer, tenant: TestTenant): Promise<void>;
  removeSecret(server: TestServer, tenant: TestTenant, id: string): Promise<void>;
}

/** Asks the management API. */
async function manage(server: TestServer, method: string, path: string, json?: unknown): Promise<void> {
  const client = await ManagementClient.of(server);
  const answer = await client.call(method, `/tenants/${path}`, { json });
  assert.ok(answer.status < 300, `${answer.status} ${answer.text}`);
}

/** The first secret of a use. */
async function secretId(server: TestServer, tenant: TestTenant, use: "connector" | "client"): Promise<string> {
  const secret = (await server.database.listSecrets(tenant.id)).find((secret) => secret.use === use);
  assert.ok(secret !== undefined);
  return secret.id;
}

const timeSpan = (ms: number | null | undefined) => ms === undefined || ms === null ? undefined : `${ms}ms`;

const CHANGES: Readonly<Record<string, Change>> = {
  "by the API": {
    // Nothing but being told makes the change effective within the test.
    cached: "1h",
    updateTenant: (server, { name }, settings) =>
      manage(server, "PUT", name, {
        enabled: settings.enabled,
        maximumConcurrentConnectorRequests: settings.maximumConcurrentConnectorRequests,
        keepAliveInterval: timeSpan(settings.keepAliveIntervalMs),
        reconnectMinimumDelay: timeSpan(settings.reconnectMinimumDelayMs),
        reconnectMaximumDelay: timeSpan(settings.reconnectMaximumDelayMs),
      }),
    removeTenant: (server, { name }) => manage(server, "DELETE", name),
    removeSecret: (server, { name }, id) => manage(server, "DELETE", `${name}/secrets/${id}`),
  },
  "elsewhere": {
    cached: "1s",
    updateTenant: async (server, { id }, settings) => void await server.database.updateTenant(id, settings),
    removeTenant: (server, { id }) => server.database.removeTenant(id),
    removeSecret: (server, { id: tenantId }, id) => server.database.removeSecret(tenantId, id),
  },
};

for (const [where, change] of Object.entries(CHANGES)) {
  const start = () => startServer({ tenantInfoCacheDuration: change.cached, drainTimeout: "2s" });
  const connect = async (server: TestServer, tenant: TestTenant) =>
    await RawConnector.connect(server.url, { token: await server.token(tenant, "connector") });

  Deno.test(`a tenant that is disabled ${where} loses its connections, after what runs`, async () => {
    await using server = await start();
    const [tenant, other] = [await server.database.createTenant(), await server.database.createTenant()];
    using connector = await connect(server, tenant);
    using bystander = await connect(server, other);
    const response = server.relay(tenant, "raw");
    const request = await connector.next(FrameType.request);
    await change.updateTenant(server, tenant, { enabled: false });
    const { reason, reconnect } = (await connector.next(FrameType.goAway)).json;
    assert.deepEqual([reason, reconnect], ["tenant_disabled", "later"]);
    await assertProblem(await server.relay(tenant, "raw"), { status: 403, code: "tenant_disabled" });
    connector.respond(request.id, "finished");
    await assertAnswer(await response, { text: "finished" });
    assert.equal((await connector.closed).code, 1000);
    assert.equal(bystander.count(FrameType.goAway), 0);
  });

  Deno.test(`a tenant that is removed ${where} loses its connections, and one of its name inherits nothing`, async () => {
    await using server = await start();
    const tenant = await server.database.createTenant();
    using connector = await connect(server, tenant);
    const [connectorToken, clientToken] = [
      await server.token(tenant, "connector"),
      await server.token(tenant, "client"),
    ];
    await change.removeTenant(server, tenant);
    assert.equal((await connector.next(FrameType.goAway)).json.reason, "authentication_failed");
    assert.equal((await connector.closed).code, 1000);
    await assertProblem(await server.relay(tenant, "raw"), { status: 404, code: "tenant_unknown" });
    const again = await server.database.createTenant({ name: tenant.name, requireAuthentication: true });
    const refused = await refusedUpgrade(server.port, { authorization: `Bearer ${connectorToken}` });
    await assertProblem(refused, { status: 401, code: "authentication_required" });
    const fetched = await requestToken(server.url, { clientId: tenant.name, clientSecret: tenant.connectorSecret });
    assert.equal(fetched.status, 401);
    await fetched.body?.cancel();
    if (where === "elsewhere") {
      await untilRefused(server, again, { path: "raw", authorization: `Bearer ${clientToken}` });
    }
  });

  Deno.test(`a connection ends when the secret of its token is removed ${where}, and others stay`, async () => {
    await using server = await start();
    const tenant = await server.database.createTenant();
    const removed = await secretId(server, tenant, "connector");
    using connector = await connect(server, tenant);
    const secret = await server.database.addSecret(tenant.id, { use: "connector" });
    using other = await connect(server, { ...tenant, connectorSecret: secret });
    const token = await server.token(tenant, "connector");
    await change.removeSecret(server, tenant, removed);
    assert.equal((await connector.next(FrameType.goAway)).json.reason, "authentication_failed");
    assert.equal((await connector.closed).code, 1000);
    assert.equal(other.count(FrameType.goAway), 0);
    const refused = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
    await assertProblem(refused, { status: 401, code: "authentication_required", notEchoed: [token] });
  });

  Deno.test(`a client's token does not outlive its secret that is removed ${where}`, async () => {
    await using server = await start();
    const tenant = await server.database.createTenant({ requireAuthentication: true });
    const removed = await secretId(server, tenant, "client");
    await using _connector = await startConnector(server, tenant, { targets: { app: () => new Response("hello") } });
    const authorization = `Bearer ${await server.token(tenant, "client")}`;
    const ask = () => server.relay(tenant, "app", { headers: { authorization } });
    await assertAnswer(await ask(), { text: "hello" });
    await change.removeSecret(server, tenant, removed);
    if (where === "elsewhere") await untilRefused(server, tenant, { path: "app", authorization });
    await assertProblem(await ask(), { status: 401, code: "authentication_required" });
  });

  Deno.test(`settings that are changed ${where} reach connectors while they are connected`, async () => {
    await using server = await start();
    const tenant = await server.database.createTenant();
    using connector = await connect(server, tenant);
    await change.updateTenant(server, tenant, {
      keepAliveIntervalMs: 7_000,
      reconnectMinimumDelayMs: 2_000,
      reconnectMaximumDelayMs: 9_000,
    });
    assert.deepEqual((await connector.next(FrameType.configure)).json, {
      keepAliveIntervalMs: 7_000,
      inlineBodyLimitBytes: 65_536,
      requestExpirationMs: 120_000,
      httpBodyMinimumBytes: 1_048_576,
      reconnectMinimumDelayMs: 2_000,
      reconnectMaximumDelayMs: 9_000,
    });
    assert.equal(connector.count(FrameType.goAway), 0);
  });

  Deno.test(`the capacity of connections follows the tenant's, changed ${where}, and requests keep their order`, async () => {
    await using server = await start();
    const tenant = await server.database.createTenant({ maximumConcurrentConnectorRequests: 3 });
    using connector = await connect(server, tenant);
    const paths = Array.from({ length: 6 }, (_, index) => `/${index}`);
    const responses: Promise<Response>[] = [];
    const taken: { readonly id: string; readonly path: string }[] = [];
    const take = async () => {
      const { id, json } = await connector.next(FrameType.request);
      taken.push({ id, path: String(json.path) });
    };
    for (const path of paths) {
      responses.push(server.relay(tenant, `raw${path}`));
      await server.handled();
    }
    for (let count = 0; count < 3; count++) await take();
    // Smaller: what is under way stays, and nothing follows before there is room again. The reconnect delay shows when it has arrived.
    const told = { maximumConcurrentConnectorRequests: 1, reconnectMaximumDelayMs: 9_000 };
    await change.updateTenant(server, tenant, told);
    await connector.next(FrameType.configure);
    connector.respond(taken[0]!.id, "0");
    connector.respond(taken[1]!.id, "1");
    await server.handled();
    assert.equal(connector.count(FrameType.request), 0);
    connector.respond(taken[2]!.id, "2");
    await take();
    await server.handled();
    assert.equal(connector.count(FrameType.request), 0);
    // Larger: what waits is handed over at once.
    await change.updateTenant(server, tenant, { ...told, maximumConcurrentConnectorRequests: 3 });
    await take();
    await take();
    assert.deepEqual(taken.map(({ path }) => path), paths);
    for (const [index, { id }] of taken.entries()) if (index > 2) connector.respond(id, String(index));
    for (const [index, response] of responses.entries()) await assertAnswer(await response, { text: String(index) });
  });
}

Deno.test("a request that never ends does not keep a connection that must end", async () => {
  await using server = await startServer({ drainTimeout: "100ms", tenantInfoCacheDuration: "1h" });
  const tenant = await server.database.createTenant();
  using connector = await RawConnector.connect(server.url, { token: await server.token(tenant, "connector") });
  const response = server.relay(tenant, "raw");
  connector.acknowledge((await connector.next(FrameType.request)).id);
  await manage(server, "PUT", tenant.name, { enabled: false });
  assert.equal((await connector.closed).code, 4003);
  await assertProblem(await response, { status: 502, code: "connector_lost" });
});

Deno.test("a connection that an operator ends goes, and its connector comes back", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: () => new Response("hello") } });
  const { properties } = testLog.find({ message: / connected from /, properties: { tenant: tenant.name } })[0] ?? {};
  await manage(server, "DELETE", `${tenant.name}/connections/${properties?.connectionId}`);
  await server.disconnected(tenant);
  await server.connected(tenant, 2);
});

Deno.test("a token ends with the secret it was got with", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const expiresAt = Date.now() + 1_500;
  const secret = await server.database.addSecret(tenant.id, { use: "connector", expiresAt });
  using connector = await RawConnector.connect(server.url, {
    token: await server.token({ ...tenant, connectorSecret: secret }, "connector"),
  });
  assert.equal((await connector.next(FrameType.goAway)).json.reason, "authentication_failed");
  assert.ok(Date.now() < expiresAt + 2_000);
});

/** Waits until a request is refused for its token. */
async function untilRefused(
  server: TestServer,
  tenant: TestTenant,
  { path, authorization }: { readonly path: string; readonly authorization: string },
): Promise<void> {
  const ask = async (signal: AbortSignal) => {
    const response = await server.relay(tenant, path, { headers: { authorization }, signal });
    await response.body?.cancel();
    return response.status;
  };
  await polled(ask, { until: (status) => status === 401, what: "the token to be refused", timeoutMs: 5_000 });
}
