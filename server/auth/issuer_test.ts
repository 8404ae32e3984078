import assert from "node:assert/strict";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { TokenIssuer } from "./issuer.ts";
import { AUDIENCE, ISSUER_URL, TestIssuer, TOKEN_LIFETIME_MS, withCode } from "./testing.ts";

Deno.test("issue() signs a token that says who got it and for what", async () => {
  await using server = await TestIssuer.start();
  const { tenant, secret, value } = await server.addTenant("Acme");
  const request = { clientId: "aCME", clientSecret: value, scope: ["connector"] };
  const { accessToken, ...issued } = await server.issuer.issue(request, ISSUER_URL);
  assert.deepEqual(issued, { expiresInSeconds: 3600, scope: "connector" });
  const { kid } = await server.keys.active();
  assert.deepEqual(decodeProtectedHeader(accessToken), { alg: "ES256", typ: "at+jwt", kid });
  const { jti, ...claims } = decodeJwt(accessToken);
  const nowSeconds = server.clock.now() / 1_000;
  assert.deepEqual(claims, {
    iss: ISSUER_URL,
    aud: AUDIENCE,
    sub: tenant.id,
    client_id: "Acme",
    tenant_id: tenant.id,
    secret_id: secret.id,
    scope: "connector",
    iat: nowSeconds,
    nbf: nowSeconds,
    exp: nowSeconds + 3600,
  });
  const { accessToken: second } = await server.issuer.issue(request, ISSUER_URL);
  assert.notEqual(decodeJwt(second).jti, jti);
});

Deno.test("issue() finds the right one of several secrets, whose use decides the scope", async () => {
  await using server = await TestIssuer.start();
  const { tenant, value } = await server.addTenant("acme");
  const client = await server.addSecret(tenant, { use: "client" });
  assert.equal(decodeJwt(await server.tokenFor("acme", client.value)).scope, "client");
  assert.equal(decodeJwt(await server.tokenFor("acme", value)).scope, "connector");
});

Deno.test("issue() refuses a scope that the secret is not for", async () => {
  await using server = await TestIssuer.start();
  const { value } = await server.addTenant("acme");
  for (const scope of [["client"], ["connector", "client"], ["Connector"]]) {
    await assert.rejects(
      server.issuer.issue({ clientId: "acme", clientSecret: value, scope }, ISSUER_URL),
      withCode("invalid_scope", / connector only/),
    );
  }
});

Deno.test("issue() does not tell an unknown tenant, a wrong secret and another tenant's secret apart", async () => {
  await using server = await TestIssuer.start();
  const { secret, value } = await server.addTenant("acme");
  const other = await server.addTenant("other");
  const disabled = await server.addTenant("disabled");
  await server.tenants.update(disabled.tenant.id, { enabled: false });
  const attempts = [["nobody", value], ["acme", `${value}x`], ["acme", other.value], ["disabled", value], [
    "acme",
    secret.hash,
  ]] as const;
  const messages = new Set<string>();
  for (const [clientId, clientSecret] of attempts) {
    const error = await server.tokenFor(clientId, clientSecret).catch((error: Error) => error);
    assert.ok(error instanceof Error && withCode("invalid_client")(error));
    messages.add(error.message);
  }
  assert.equal(messages.size, 1);
});

Deno.test("issue() looks for secrets of a tenant that does not exist, too, as the time it takes would tell", async () => {
  await using server = await TestIssuer.start();
  const looked: string[] = [];
  const issuer = new TokenIssuer({
    tenants: server.tenants,
    secrets: {
      listByTenant: (tenantId) => (looked.push(tenantId), server.secrets.listByTenant(tenantId)),
      markUsed: (id) => server.secrets.markUsed(id),
    },
    signer: server.keys,
    audience: AUDIENCE,
    tokenLifetimeMs: TOKEN_LIFETIME_MS,
    now: server.clock.now,
  });
  const request = { clientId: "nobody", clientSecret: "x", scope: [] };
  await assert.rejects(issuer.issue(request, ISSUER_URL), withCode("invalid_client"));
  assert.equal(looked.length, 1);
});

Deno.test("issue() refuses an expired secret, while the tenant's others work on", async () => {
  await using server = await TestIssuer.start();
  const { tenant, value } = await server.addTenant("acme");
  const short = await server.addSecret(tenant, { use: "connector", expiresAt: server.clock.now() + 1_000 });
  server.clock.advance(999);
  await server.tokenFor("acme", short.value);
  server.clock.advance(1);
  await assert.rejects(server.tokenFor("acme", short.value), withCode("invalid_client", /expired/));
  await server.tokenFor("acme", value);
});

Deno.test("issue() tells who has the secret that the tenant is disabled", async () => {
  await using server = await TestIssuer.start();
  const { tenant, value } = await server.addTenant("acme");
  await server.tenants.update(tenant.id, { enabled: false });
  await assert.rejects(server.tokenFor("acme", value), withCode("invalid_client", /disabled/));
});

Deno.test("issue() refuses a secret that was removed", async () => {
  await using server = await TestIssuer.start();
  const { tenant, secret, value } = await server.addTenant("acme");
  await server.tokenFor("acme", value);
  await server.secrets.remove(tenant.id, secret.id);
  await assert.rejects(server.tokenFor("acme", value), withCode("invalid_client"));
});

Deno.test("issue() notes the use of a secret at most once a minute", async () => {
  await using server = await TestIssuer.start();
  const { clock, secrets } = server;
  const { secret, value } = await server.addTenant("acme");
  // Queries of one connection run in turn, so this one sees what the issuer began before it.
  const lastUsedAt = async () => (await secrets.findById(secret.id))?.lastUsedAt;
  const start = clock.now();
  await server.tokenFor("acme", value);
  assert.equal(await lastUsedAt(), start);
  clock.advance(59_999);
  await server.tokenFor("acme", value);
  assert.equal(await lastUsedAt(), start);
  clock.advance(1);
  await server.tokenFor("acme", value);
  assert.equal(await lastUsedAt(), start + 60_000);
});

Deno.test("issue() does not wait for the note of a secret's use, nor fail with it", async () => {
  await using server = await TestIssuer.start();
  const { value } = await server.addTenant("acme");
  const noting = Promise.withResolvers<void>();
  let notes = 0;
  const issuer = new TokenIssuer({
    tenants: server.tenants,
    secrets: {
      listByTenant: (tenantId) => server.secrets.listByTenant(tenantId),
      markUsed: () => (notes++, noting.promise),
    },
    signer: server.keys,
    audience: AUDIENCE,
    tokenLifetimeMs: TOKEN_LIFETIME_MS,
    now: server.clock.now,
  });
  const request = { clientId: "acme", clientSecret: value, scope: [] };
  await Promise.all([issuer.issue(request, ISSUER_URL), issuer.issue(request, ISSUER_URL)]);
  assert.equal(notes, 1);
  noting.reject(new Error("disk full"));
  await issuer.issue(request, ISSUER_URL);
});
