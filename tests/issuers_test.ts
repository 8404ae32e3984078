import assert from "node:assert/strict";
import { exportSPKI, generateKeyPair, importJWK } from "jose";
import { startConnector } from "./testkit/connector.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { ISSUERS, type TestIssuer } from "./testkit/issuers.ts";
import { RawConnector, refusedUpgrade } from "./testkit/raw_connector.ts";
import type { TestServer } from "./testkit/server.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const hello = () => new Response("hello");
const seconds = (fromNow: number) => Math.floor(Date.now() / 1_000) + fromNow;

/** A token with the claims and header of another one, changed, and no signature. */
function unsigned(token: string, header: Record<string, unknown>): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${part(header)}.${token.split(".")[1]}.`;
}

/** Tokens that nobody may accept, by what is wrong with them. */
async function badTokens(
  issuer: TestIssuer,
  server: TestServer,
  tenant: TestTenant,
  scope: "connector" | "client",
): Promise<Record<string, string>> {
  const stranger = await generateKeyPair("ES256");
  const good = await issuer.sign(server, tenant, { scope });
  const publicKey = await issuer.publicKey(server);
  const spki = await exportSPKI(await importJWK({ ...publicKey }, publicKey.alg ?? "ES256") as CryptoKey);
  const sign = (claims: Record<string, unknown>) => issuer.sign(server, tenant, { scope, claims });
  return {
    "for another audience": await sign({ aud: "elsewhere" }),
    "for another audience, in a list": await sign({ aud: ["elsewhere", "relayserver2"] }),
    "without an audience": await sign({ aud: undefined }),
    "of another issuer": await sign({ iss: "https://elsewhere.example" }),
    "expired": await sign({ exp: seconds(-61) }),
    "without an end": await sign({ exp: undefined }),
    "not yet valid": await sign({ nbf: seconds(120) }),
    "of nobody": await sign({ client_id: undefined }),
    "signed with another key": await issuer.sign(server, tenant, {
      scope,
      key: stranger.privateKey,
      header: { alg: "ES256" },
    }),
    "with an unknown key id": await issuer.sign(server, tenant, { scope, header: { kid: "unknown" } }),
    "not signed": unsigned(good, { alg: "none", typ: "at+jwt" }),
    "signed with the public key as a shared secret": await issuer.sign(server, tenant, {
      scope,
      header: { alg: "HS256" },
      key: new TextEncoder().encode(spki),
    }),
    "signed with the public key's JWK as a shared secret": await issuer.sign(server, tenant, {
      scope,
      header: { alg: "HS256" },
      key: new TextEncoder().encode(JSON.stringify(publicKey)),
    }),
    "cut off": good.slice(0, -20),
    "no token at all": "nonsense",
  };
}

for (const [name, createIssuer] of Object.entries(ISSUERS)) {
  Deno.test(`${name}: a connector connects and relays, and clients need a token of the tenant`, async () => {
    await using issuer = await createIssuer();
    await using server = await issuer.startServer();
    const tenant = await issuer.createTenant(server, { requireAuthentication: true });
    const other = await issuer.createTenant(server);
    await using _connector = await startConnector(server, tenant, { targets: { app: hello } });
    const relay = (token: string) =>
      server.relay(tenant, "app", { headers: token === "" ? {} : { authorization: `Bearer ${token}` } });
    await assertAnswer(await relay(await issuer.token(server, tenant, "client")), { text: "hello" });
    await assertProblem(await relay(""), { status: 401, code: "authentication_required" });
    const refused = { status: 403, code: "access_denied" };
    await assertProblem(await relay(await issuer.token(server, other, "client")), refused);
    await assertProblem(await relay(await issuer.token(server, tenant, "connector")), refused);
  });

  Deno.test(`${name}: bad tokens are refused to connectors and clients`, async () => {
    await using issuer = await createIssuer();
    // The name is what hand-signed tokens of the built-in issuer have.
    await using server = await issuer.startServer({ publicUrl: "http://issuer" });
    const tenant = await issuer.createTenant(server, { requireAuthentication: true });
    await issuer.token(server, tenant, "connector");
    for (const [fault, token] of Object.entries(await badTokens(issuer, server, tenant, "connector"))) {
      const response = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
      await assertProblem(response, { status: 401, code: "authentication_required", notEchoed: [token] })
        .catch((error) => assert.fail(`${fault}: ${error}`));
    }
    for (const [fault, token] of Object.entries(await badTokens(issuer, server, tenant, "client"))) {
      const response = await server.relay(tenant, "app", { headers: { authorization: `Bearer ${token}` } });
      await assertProblem(response, { status: 401, code: "authentication_required", notEchoed: [token] })
        .catch((error) => assert.fail(`${fault}: ${error}`));
    }
    const scopeless = { ...await issuer.createTenant(server), scope: "client" as const };
    const token = await issuer.sign(server, scopeless, { scope: "client" });
    const response = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
    await assertProblem(response, { status: 403, code: "access_denied", notEchoed: [token] });
  });

  Deno.test(`${name}: clocks may differ by a minute`, async () => {
    await using issuer = await createIssuer();
    await using server = await issuer.startServer();
    const tenant = await issuer.createTenant(server, { requireAuthentication: true });
    await using _connector = await startConnector(server, tenant, { targets: { app: hello } });
    for (const claims of [{ exp: seconds(-30) }, { nbf: seconds(30) }, { iat: seconds(50), nbf: seconds(50) }]) {
      const token = await issuer.sign(server, tenant, { scope: "client", claims });
      const response = await server.relay(tenant, "app", { headers: { authorization: `Bearer ${token}` } });
      await assertAnswer(response, { text: "hello" });
    }
  });

  Deno.test(`${name}: a token of a new key is accepted at once, and those of the one before still are`, async () => {
    await using issuer = await createIssuer();
    // Keys that were just fetched are not fetched again at once.
    await using server = await issuer.startServer();
    const tenant = await issuer.createTenant(server);
    const before = await issuer.token(server, tenant, "connector");
    await issuer.rotate(server);
    for (const token of [await issuer.sign(server, tenant, { scope: "connector" }), before]) {
      using _connector = await RawConnector.connect(server.url, { token });
    }
  });

  Deno.test(`${name}: a tenant that was removed and made again inherits no connection`, async () => {
    await using issuer = await createIssuer();
    await using server = await issuer.startServer({ tenantInfoCacheDuration: "1s" });
    const tenant = await issuer.createTenant(server);
    const token = await issuer.token(server, tenant, "connector");
    using connector = await RawConnector.connect(server.url, { token });
    await server.database.removeTenant(tenant.id);
    const again = await server.database.createTenant({ name: tenant.name });
    assert.notEqual(again.id, tenant.id);
    await connector.closed;
    await assertProblem(await server.relay(again, "raw"), { status: 503, code: "connector_unavailable" });
  });
}
