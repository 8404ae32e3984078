import assert from "node:assert/strict";
import type { AccessPolicy } from "../server/policy/mod.ts";
import { TestAuthority } from "./testkit/authority.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { type Site, startSite } from "./testkit/site.ts";

/** Says which credentials reached the target. */
function echoCredentials(request: Request): Response {
  const { headers } = request;
  return new Response(JSON.stringify([headers.get("authorization"), headers.get("relayserver-authorization")]));
}

async function startPolicy(accessPolicy: unknown, tenant = {}): Promise<Site> {
  return await startSite({ app: echoCredentials }, {}, { tenant: { accessPolicy, ...tenant } });
}

const bearer = (token: string) => ({ headers: { "RelayServer-Authorization": `Bearer ${token}` } });

Deno.test("a request that the policy allows reaches its target, and the log says which rule it was", async () => {
  await using site = await startPolicy({
    default: "deny",
    rules: [{ name: "read the api", effect: "allow", methods: ["GET"], pathPrefixes: ["/api"] }],
  });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app/api/x"), { text: "[null,null]" });
  const properties = { tenant: tenant.name, policyReason: 'allow: rule "read the api"', outcome: "succeeded" };
  await testLog.waitFor({ message: /^\{method\}/, properties });
});

Deno.test("a request that the policy denies is 403 without its rule, which log and audit say", async () => {
  await using site = await startPolicy({
    default: "allow",
    rules: [{ name: "no admin pages", effect: "deny", pathPrefixes: ["/admin"] }],
  });
  const { server, tenant } = site;
  for (let count = 0; count < 5; count++) {
    const response = await server.relay(tenant, "app/admin/users");
    await assertProblem(response, { status: 403, code: "access_denied", notEchoed: ["no admin pages"] });
  }
  const reason = 'deny: rule "no admin pages"';
  const properties = { tenant: tenant.name, policyReason: reason, outcome: "failed", errorCode: "access_denied" };
  await testLog.waitFor({ message: /^\{method\}/, properties }, { count: 5 });
  await server.relayServer[Symbol.asyncDispose]();
  const [entry, ...others] = await server.database.findAudit("policy.deny");
  assert.equal(others.length, 0);
  assert.deepEqual(entry?.subject, { kind: "tenant", id: tenant.id, name: tenant.name });
  const { reason: told, count, clientAddresses } = entry?.after as Record<string, unknown>;
  assert.deepEqual([told, count, clientAddresses], [reason, 5, ["127.0.0.1"]]);
});

Deno.test("a stored policy that this version cannot read lets nobody pass, and one that is repaired does", async () => {
  await using site = await startPolicy({ default: "allow", conditionsOfVersion9: [] });
  const { server, tenant } = site;
  await assertProblem(await server.relay(tenant, "app"), { status: 403, code: "access_denied" });
  await testLog.waitFor({ message: /cannot be used/, properties: { tenant: tenant.name } });
  await server.database.updateTenant(tenant.id, { accessPolicy: { default: "allow" } });
  await assertAnswer(await server.relay(tenant, "app"), { text: "[null,null]" });
  await server.database.updateTenant(tenant.id, { accessPolicy: null });
  await assertAnswer(await server.relay(tenant, "app"), { text: "[null,null]" });
});

Deno.test("a client with a secret of the tenant is told from others, by token and as an API key", async () => {
  await using site = await startPolicy(null);
  const { server, tenant } = site;
  const [first, second] = (await server.database.listSecrets(tenant.id)).filter(({ use }) => use === "client");
  assert.ok(first !== undefined && second === undefined);
  const otherSecret = await server.database.addSecret(tenant.id, { use: "client" });
  const accessPolicy: AccessPolicy = {
    default: "deny",
    callers: { import: { type: "apiKey", secretIds: [first.id] }, office: { type: "client", secretIds: [first.id] } },
    rules: [
      { name: "keys", effect: "allow", callers: ["import"], pathPrefixes: ["/key"] },
      { name: "tokens", effect: "allow", callers: ["office"], pathPrefixes: ["/token"] },
    ],
  };
  await server.database.updateTenant(tenant.id, { accessPolicy });
  const token = await server.token(tenant, "client");
  await assertAnswer(await server.relay(tenant, "app/key", bearer(tenant.clientSecret)), { text: "[null,null]" });
  await assertAnswer(await server.relay(tenant, "app/token", bearer(token)), { text: "[null,null]" });
  await testLog.waitFor({
    message: /^\{method\}/,
    properties: { tenant: tenant.name, policyReason: 'allow: rule "keys", caller "import"' },
  });

  const needed = { status: 401, code: "authentication_required" };
  for (const value of [otherSecret, tenant.connectorSecret, "nonsense", await server.token(tenant, "connector")]) {
    const response = await server.relay(tenant, "app/key", bearer(value));
    await assertProblem(response, { ...needed, notEchoed: [value] });
  }
  await assertProblem(await server.relay(tenant, "app/key"), needed);
  await assertProblem(await server.relay(tenant, "app/token", bearer(tenant.clientSecret)), {
    status: 403,
    code: "access_denied",
  });
  // A header that targets see too is no place for an API key.
  const headers = { Authorization: `Bearer ${tenant.clientSecret}` };
  await assertProblem(await server.relay(tenant, "app/key", { headers }), needed);
  const apiKey = { "Api-Key": tenant.clientSecret };
  await assertProblem(await server.relay(tenant, "app/key", { headers: apiKey }), needed);
});

Deno.test("a key of another tenant, and one that was removed, is nobody's", async () => {
  await using site = await startPolicy(null);
  const { server, tenant } = site;
  const other = await server.database.createTenant();
  const ids = [...await server.database.listSecrets(tenant.id), ...await server.database.listSecrets(other.id)]
    .map(({ id }) => id);
  const accessPolicy: AccessPolicy = {
    default: "deny",
    callers: { key: { type: "apiKey", secretIds: ids } },
    rules: [{ name: "keys", effect: "allow", callers: ["key"] }],
  };
  await server.database.updateTenant(tenant.id, { accessPolicy });
  const needed = { status: 401, code: "authentication_required" };
  await assertAnswer(await server.relay(tenant, "app", bearer(tenant.clientSecret)), { text: "[null,null]" });
  await assertProblem(await server.relay(tenant, "app", bearer(other.clientSecret)), needed);
  for (const { id } of await server.database.listSecrets(tenant.id)) await server.database.removeSecret(tenant.id, id);
  await assertProblem(await server.relay(tenant, "app", bearer(tenant.clientSecret)), needed);
});

Deno.test("a token of a named issuer counts for what it says, and reaches no target", async () => {
  await using authority = await TestAuthority.start();
  await using site = await startPolicy(
    {
      default: "deny",
      callers: {
        warehouse: { type: "issuer", issuer: authority.url, claims: { groups: ["warehouse"] } },
        anyone: { type: "issuer", issuer: authority.url, claims: { scope: "client" } },
      },
      rules: [
        { name: "stock", effect: "allow", callers: ["warehouse"], pathPrefixes: ["/stock"] },
        { name: "public", effect: "allow", pathPrefixes: ["/public"] },
      ],
    } satisfies AccessPolicy,
  );
  const { server, tenant } = site;
  authority.register({ id: "u1", secret: "s1", claims: { groups: ["office", "warehouse"] } });
  const good = await authority.token("u1", "client");
  const office = await authority.sign("u2", "client", { claims: { groups: ["office"] } });
  const expired = await authority.sign("u1", "client", { claims: { groups: ["warehouse"], exp: 1 } });
  const elsewhere = await authority.sign("u1", "client", { claims: { groups: ["warehouse"], aud: "other" } });
  const inAuthorization = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

  await assertAnswer(await server.relay(tenant, "app/stock", bearer(good)), { text: "[null,null]" });
  await assertAnswer(await server.relay(tenant, "app/stock", inAuthorization(good)), { text: "[null,null]" });
  await assertProblem(await server.relay(tenant, "app/stock", bearer(office)), { status: 403, code: "access_denied" });
  for (const token of [expired, elsewhere, `${good.slice(0, -4)}AAAA`]) {
    const response = await server.relay(tenant, "app/stock", bearer(token));
    await assertProblem(response, { status: 401, code: "authentication_required", notEchoed: [token] });
    // Where nobody has to be known the bad token does not matter, and is still not the target's business.
    await assertAnswer(await server.relay(tenant, "app/public", inAuthorization(token)), { text: "[null,null]" });
  }
  // What is not for the relay is for the target.
  const theirs = await server.relay(tenant, "app/public", inAuthorization("opaque"));
  await assertAnswer(theirs, { text: '["Bearer opaque",null]' });
});

Deno.test("a tenant that requires authentication takes a token of an issuer that its policy names", async () => {
  await using authority = await TestAuthority.start();
  await using site = await startPolicy(
    {
      default: "allow",
      callers: { staff: { type: "issuer", issuer: authority.url, claims: { staff: true } } },
    } satisfies AccessPolicy,
    { requireAuthentication: true },
  );
  const { server, tenant } = site;
  const staff = await authority.sign("u1", "x", { claims: { staff: true } });
  const guest = await authority.sign("u2", "x");
  await assertAnswer(await server.relay(tenant, "app", bearer(staff)), { text: "[null,null]" });
  await assertAnswer(await server.relay(tenant, "app", bearer(await server.token(tenant, "client"))), {
    text: "[null,null]",
  });
  const needed = { status: 401, code: "authentication_required" };
  await assertProblem(await server.relay(tenant, "app", bearer(guest)), needed);
  await assertProblem(await server.relay(tenant, "app"), needed);
});

Deno.test("an issuer that cannot be reached is 503 for its own tokens only", async () => {
  await using authority = await TestAuthority.start({ isDown: true });
  await using site = await startPolicy(
    {
      default: "deny",
      callers: {
        staff: { type: "issuer", issuer: authority.url, claims: { staff: true } },
        own: { type: "client" },
      },
      rules: [{ name: "known", effect: "allow", callers: ["staff", "own"] }],
    } satisfies AccessPolicy,
  );
  const { server, tenant } = site;
  const response = await server.relay(
    tenant,
    "app",
    bearer(await authority.sign("u1", "x", { claims: { staff: true } })),
  );
  await assertProblem(response, { status: 503, code: "authentication_unavailable" });
  await assertAnswer(await server.relay(tenant, "app", bearer(await server.token(tenant, "client"))), {
    text: "[null,null]",
  });
});

Deno.test("too many requests are 429 with the time to wait, for the one who sent them", async () => {
  await using site = await startPolicy(
    {
      default: "allow",
      callers: { own: { type: "client" } },
      rateLimits: [{ requestsPerSecond: 0.01, burst: 2, per: "caller" }],
    } satisfies AccessPolicy,
  );
  const { server, tenant } = site;
  const headers = bearer(await server.token(tenant, "client"));
  for (let count = 0; count < 2; count++) {
    await assertAnswer(await server.relay(tenant, "app"), { text: "[null,null]" });
  }
  const response = await server.relay(tenant, "app");
  const retryAfterSeconds = Number(response.headers.get("retry-after"));
  assert.ok(retryAfterSeconds > 90 && retryAfterSeconds <= 100, String(retryAfterSeconds));
  await assertProblem(response, { status: 429, code: "rate_limited" });
  await assertAnswer(await server.relay(tenant, "app", headers), { text: "[null,null]" });
  await testLog.waitFor({
    message: /^\{method\}/,
    properties: { tenant: tenant.name, policyReason: "limit: 0.01 requests/s per caller" },
  });
});

Deno.test("a preflight needs no credential, where its rule allows OPTIONS", async () => {
  await using site = await startPolicy(
    {
      default: "deny",
      callers: { own: { type: "client" } },
      rules: [{ name: "web", effect: "allow", callers: ["own"], methods: ["OPTIONS", "GET"], pathPrefixes: ["/api"] }],
    } satisfies AccessPolicy,
  );
  const { server, tenant } = site;
  const headers = { "Origin": "https://a.example", "Access-Control-Request-Method": "GET" };
  const preflight = { method: "OPTIONS", headers };
  await assertAnswer(await server.relay(tenant, "app/api", preflight), { text: "[null,null]" });
  await assertProblem(await server.relay(tenant, "app", preflight), { status: 403, code: "access_denied" });
  const withBody = { ...preflight, body: "data" };
  const needed = { status: 401, code: "authentication_required" };
  await assertProblem(await server.relay(tenant, "app/api", withBody), needed);
  await assertProblem(await server.relay(tenant, "app/api", { headers }), needed);
});
