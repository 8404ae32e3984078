import assert from "node:assert/strict";
import { join } from "node:path";
import { AuditRepository, openDatabase, TenantRepository } from "../server/persistence/mod.ts";
import { TestAuthority } from "./testkit/authority.ts";
import { makeConnector, startConnector } from "./testkit/connector.ts";
import { assertAnswer, assertProblem, requestToken } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { RawConnector, refusedUpgrade } from "./testkit/raw_connector.ts";
import { type ServerOverrides, startServer, type TestServer } from "./testkit/server.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const hello = () => new Response("hello");

/** A client of the authority as the connector of a tenant that may not exist yet. */
function asTenant(name: string, secret: string): TestTenant {
  return { id: "", name, connectorSecret: secret, clientSecret: secret };
}

/** Reads what a server wrote, beside it. */
async function withDatabase<T>(
  folder: string,
  read: (repositories: { tenants: TenantRepository; audit: AuditRepository }) => Promise<T>,
): Promise<T> {
  await using database = openDatabase({ url: `sqlite:${join(folder, "relay.db")}` });
  return await read({
    tenants: new TenantRepository(database, Date.now),
    audit: new AuditRepository(database, Date.now),
  });
}

async function withAuthority(
  run: (authority: TestAuthority, start: (overrides?: ServerOverrides) => Promise<TestServer>) => Promise<void>,
  options: { isDown?: boolean } = {},
): Promise<void> {
  await using authority = await TestAuthority.start(options);
  await run(
    authority,
    (overrides = {}) => startServer({ ...overrides, auth: { issuer: authority.url, ...overrides.auth } }),
  );
}

Deno.test("with an authority the built-in issuer is not served, and discovery names the authority", async () => {
  await withAuthority(async (authority, start) => {
    await using server = await start();
    for (const path of ["/.well-known/openid-configuration", "/.well-known/jwks.json"]) {
      await assertProblem(await fetch(server.url + path), { status: 404, code: "not_found" });
    }
    const tenant = await server.database.createTenant();
    const credentials = { clientId: tenant.name, clientSecret: tenant.connectorSecret };
    await assertProblem(await requestToken(server.url, credentials), { status: 404, code: "not_found" });
    const discovery = await (await fetch(`${server.url}/.well-known/relayserver-configuration`)).json();
    assert.equal(discovery.authorizationServer, authority.url);
  });
});

Deno.test("connectors authenticate as their client was set up, in the header or in the body", async () => {
  await withAuthority(async (authority, start) => {
    await using server = await start();
    for (const method of ["client_secret_basic", "client_secret_post"] as const) {
      const tenant = await server.database.createTenant();
      // What has to be escaped differs between the two.
      const secret = `a+b%20:&= ${crypto.randomUUID()}`;
      authority.register({ id: tenant.name, secret, method });
      await using _connector = await startConnector(server, { ...tenant, connectorSecret: secret }, {
        targets: { app: hello },
      });
      await assertAnswer(await server.relay(tenant, "app"), { text: "hello" });
    }
  });
});

Deno.test("a connector with a wrong secret is told so by the authority", async () => {
  await withAuthority(async (authority, start) => {
    await using server = await start();
    const tenant = await server.database.createTenant();
    authority.register({ id: tenant.name, secret: "right-secret" });
    await using connector = await makeConnector(server, { ...tenant, connectorSecret: "wrong-secret" });
    connector.start();
    const { properties } = await testLog.waitFor({ message: /Trying again in/ });
    assert.match(String(properties.why), /refused the tenant's credentials/);
    assert.ok(!JSON.stringify(properties).includes("wrong-secret"));
  });
});

Deno.test("scopes are a text or a list, in scope or in scp", async () => {
  await withAuthority(async (authority, start) => {
    await using server = await start();
    const { name } = await server.database.createTenant();
    const good = [{ scope: ["client", "connector"] }, { scope: undefined, scp: "connector" }, {
      scope: undefined,
      scp: ["connector"],
    }];
    for (const claims of good) {
      using _connector = await RawConnector.connect(server.url, { token: await authority.sign(name, "", { claims }) });
    }
    for (
      const claims of [{ scope: undefined }, { scope: ["connectors"] }, { scope: { connector: true } }, { scope: 1 }]
    ) {
      const token = await authority.sign(name, "", { claims });
      const response = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
      await assertProblem(response, { status: 403, code: "access_denied", notEchoed: [token] });
    }
  });
});

Deno.test("a server starts while its authority is away, and connectors connect as soon as it is back", async () => {
  await withAuthority(async (authority, start) => {
    await using server = await start();
    const tenant = await server.database.createTenant({ requireAuthentication: true });
    authority.register({ id: tenant.name, secret: "secret-of-the-site" });
    const token = await authority.sign(tenant.name, "connector client");
    const unavailable = { status: 503, code: "authentication_unavailable", notEchoed: [token] };
    await assertProblem(await refusedUpgrade(server.port, { authorization: `Bearer ${token}` }), unavailable);
    const headers = { authorization: `Bearer ${token}` };
    await assertProblem(await server.relay(tenant, "app", { headers }), unavailable);
    assert.equal((await fetch(`${server.url}/health/ready`).then((r) => r.json())).status, "ready");

    await using connector = await makeConnector(server, { ...tenant, connectorSecret: "secret-of-the-site" }, {
      targets: { app: hello },
    });
    connector.start();
    await authority.resume();
    await testLog.waitFor({ message: /^Connected to /, properties: { tenant: tenant.name } });
    await assertAnswer(await server.relay(tenant, "app", { headers }), { text: "hello" });
  }, { isDown: true });
});

Deno.test("the keys that were fetched last count while the authority is away", async () => {
  await withAuthority(async (authority, start) => {
    await using server = await start();
    const tenant = await server.database.createTenant();
    const token = await authority.sign(tenant.name, "connector");
    (await RawConnector.connect(server.url, { token }))[Symbol.dispose]();
    await authority.stop();
    using _connector = await RawConnector.connect(server.url, { token });
    // A key that is not known cannot be asked for.
    await authority.rotate();
    const newer = await authority.sign(tenant.name, "connector");
    const refused = await refusedUpgrade(server.port, { authorization: `Bearer ${newer}` });
    await assertProblem(refused, { status: 401, code: "authentication_required", notEchoed: [newer] });
  });
});

Deno.test("a token of a tenant that does not exist is refused, and makes none", async () => {
  await withAuthority(async (authority, start) => {
    await using server = await start();
    const token = await authority.sign("nobody", "connector");
    const refused = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
    await assertProblem(refused, { status: 401, code: "authentication_required", notEchoed: ["nobody"] });
    await assertProblem(await fetch(`${server.url}/relay/nobody/app`), { status: 404, code: "tenant_unknown" });
  });
});

Deno.test("automaticTenantCreation makes a tenant of a connector's client, and keeps its description", async () => {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  await withAuthority(async (authority, start) => {
    await using server = await start({ automaticTenantCreation: true, dataDirectory: folder });
    const tenant = asTenant("Site-7", "secret-of-the-site");
    const client = { id: tenant.name, secret: tenant.connectorSecret };
    authority.register({ ...client, claims: { client_name: "Site 7", client_description: "In the north" } });
    // A client's token makes no tenant.
    const headers = { authorization: `Bearer ${await authority.token(tenant.name, "client")}` };
    await assertProblem(await server.relay(tenant, "app", { headers }), { status: 404, code: "tenant_unknown" });
    const connect = async () =>
      (await startConnector(server, tenant, { targets: { app: hello } }))[Symbol.asyncDispose]();
    const described = () =>
      withDatabase(folder, async ({ tenants }) => {
        const found = await tenants.findByName("site-7");
        return [found?.id, found?.name, found?.displayName, found?.description];
      });

    await connect();
    const [id, ...rest] = await described();
    assert.deepEqual(rest, ["Site-7", "Site 7", "In the north"]);
    // What the authority does not say stays.
    authority.register({ ...client, claims: { client_name: "Site <7>" } });
    await connect();
    assert.deepEqual(await described(), [id, "Site-7", "Site <7>", "In the north"]);
    const { results } = await withDatabase(folder, ({ audit }) => audit.find());
    assert.deepEqual(
      results.map(({ action, actor, subject, before, after }) => [action, actor.kind, subject.name, before, after]),
      [
        ["tenant.update", "system", "Site-7", { displayName: "Site 7" }, { displayName: "Site <7>" }],
        ["tenant.create", "system", "Site-7", null, {
          name: "Site-7",
          displayName: "Site 7",
          description: "In the north",
        }],
      ],
    );
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("two servers that meet the connectors of a new tenant at once make it once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  await withAuthority(async (authority, start) => {
    const overrides = { automaticTenantCreation: true, dataDirectory: folder };
    await using one = await start(overrides);
    await using two = await start(overrides);
    const names = Array.from({ length: 5 }, (_, index) => `site-${index}`);
    const connecting = names.flatMap((name) =>
      [one, two, one, two].map(async (server) => {
        const token = await authority.sign(name, "connector", { claims: { client_name: `The ${name}` } });
        return await RawConnector.connect(server.url, { token });
      })
    );
    for (const connector of await Promise.all(connecting)) connector[Symbol.dispose]();
    await withDatabase(folder, async ({ tenants, audit }) => {
      const { results } = await tenants.list();
      assert.deepEqual(
        results.map(({ name, displayName }) => [name, displayName]),
        names.map((name) => [name, `The ${name}`]),
      );
      assert.equal((await audit.find()).totalCount, names.length);
    });
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("automaticTenantCreation refuses names that no tenant can have", async () => {
  await withAuthority(async (authority, start) => {
    await using server = await start({ automaticTenantCreation: true });
    for (const name of ["..", "a/b", "ä", "<script>", "a".repeat(101), "'; drop table tenants; --"]) {
      const token = await authority.sign(name, "connector");
      const refused = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
      await assertProblem(refused, { status: 401, code: "authentication_required", notEchoed: [name] });
    }
  });
});
