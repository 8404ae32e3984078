import assert from "node:assert/strict";
import { CompactSign, exportJWK, generateKeyPair } from "jose";
import { AUDIENCE, expiryOf, ISSUER_URL, TestIssuer, TOKEN_LIFETIME_MS, withCode } from "./testing.ts";
import { BuiltinTokenVerifier } from "./token_verifier.ts";

const CONNECTOR = { scope: "connector" };
const DAY_MS = 86_400_000;

/** A token that is right in everything but what is given. */
async function forge(server: TestIssuer, { header = {}, claims = {}, key }: {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  key?: CryptoKey | Uint8Array;
}): Promise<string> {
  const { kid, privateKey } = await server.keys.active();
  const now = server.clock.now() / 1_000;
  const payload = {
    iss: ISSUER_URL,
    aud: AUDIENCE,
    sub: "id",
    client_id: "acme",
    tenant_id: "id",
    scope: "connector",
    iat: now,
    nbf: now,
    exp: now + 60,
    jti: "1",
    ...claims,
  };
  return await new CompactSign(new TextEncoder().encode(JSON.stringify(payload))).setProtectedHeader({
    alg: "ES256",
    typ: "at+jwt",
    kid,
    ...header,
  })
    .sign(key ?? privateKey);
}

const encode = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });

Deno.test("verify() gives what the issuer put into the token", async () => {
  await using server = await TestIssuer.start();
  const { tenant, secret, value } = await server.addTenant("Acme");
  const token = await server.tokenFor("acme", value);
  assert.deepEqual(await server.verifier.verify(token, CONNECTOR), {
    tenantId: tenant.id,
    tenantName: "Acme",
    secretId: secret.id,
    scope: ["connector"],
    expiresAt: server.clock.now() + TOKEN_LIFETIME_MS,
  });
});

Deno.test("verify() accepts a token without secret and with several scopes", async () => {
  await using server = await TestIssuer.start();
  const token = await forge(server, { claims: { scope: "client connector" } });
  const verified = await server.verifier.verify(token, CONNECTOR);
  assert.deepEqual(verified.scope, ["client", "connector"]);
  assert.equal("secretId" in verified, false);
});

Deno.test("verify() refuses an expired token, allowing 60 s for clocks", async () => {
  await using server = await TestIssuer.start();
  const { value } = await server.addTenant("acme");
  const token = await server.tokenFor("acme", value);
  server.clock.advance(TOKEN_LIFETIME_MS + 59_999);
  await server.verifier.verify(token, CONNECTOR);
  server.clock.advance(1);
  assert.equal(server.clock.now(), expiryOf(token) + 60_000);
  await assert.rejects(server.verifier.verify(token, CONNECTOR), withCode("token_expired"));
});

Deno.test("verify() refuses a scope that the token does not have", async () => {
  await using server = await TestIssuer.start();
  const { value } = await server.addTenant("acme", "client");
  const token = await server.tokenFor("acme", value);
  await server.verifier.verify(token, { scope: "client" });
  await assert.rejects(server.verifier.verify(token, CONNECTOR), withCode("scope_missing"));
  const similar = await forge(server, { claims: { scope: "connectors connecto" } });
  await assert.rejects(server.verifier.verify(similar, CONNECTOR), withCode("scope_missing"));
});

Deno.test("verify() refuses claims that are not right", async () => {
  await using server = await TestIssuer.start();
  const later = server.clock.now() / 1_000 + 61;
  const cases: Record<string, unknown>[] = [
    { aud: "other" },
    { aud: undefined },
    { iss: "https://other.example" },
    { iss: undefined },
    { nbf: later },
    { exp: undefined },
    { sub: undefined },
    { iat: undefined },
    { jti: undefined },
    { tenant_id: undefined },
    { tenant_id: 1 },
    { client_id: undefined },
    { scope: undefined },
    { scope: ["connector"] },
  ];
  for (const claims of cases) {
    const token = await forge(server, { claims });
    await assert.rejects(server.verifier.verify(token, CONNECTOR), withCode("token_invalid"), JSON.stringify(claims));
  }
});

Deno.test("verify() refuses headers that are not right", async () => {
  await using server = await TestIssuer.start();
  for (const header of [{ typ: "JWT" }, { typ: undefined }, { kid: "made up" }, { kid: undefined }, { kid: 1 }]) {
    const token = await forge(server, { header });
    await assert.rejects(server.verifier.verify(token, CONNECTOR), withCode("token_invalid"), JSON.stringify(header));
  }
});

Deno.test("verify() refuses a token that another key has signed", async () => {
  await using server = await TestIssuer.start();
  const stranger = await generateKeyPair("ES256", { extractable: true });
  const token = await forge(server, { key: stranger.privateKey });
  await assert.rejects(server.verifier.verify(token, CONNECTOR), withCode("token_invalid"));
  const withOwnKey = await forge(server, {
    key: stranger.privateKey,
    header: { jwk: await exportJWK(stranger.publicKey) },
  });
  await assert.rejects(server.verifier.verify(withOwnKey, CONNECTOR), withCode("token_invalid"));
});

Deno.test("verify() refuses a token with any part changed", async () => {
  await using server = await TestIssuer.start();
  const { value } = await server.addTenant("acme");
  const [header = "", payload = "", signature = ""] = (await server.tokenFor("acme", value)).split(".");
  const claims = JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })));
  const forged = encode({ ...claims, tenant_id: "other" });
  const none = encode({ alg: "none", typ: "at+jwt" });
  const zeros = "A".repeat(signature.length);
  const tokens = [
    `${header}.${forged}.${signature}`,
    `${header}.${payload}.${zeros}`,
    `${header}.${payload}.`,
    `${none}.${payload}.`,
    `${none}.${payload}.${signature}`,
    `${header}.${payload}`,
    `${header}.${payload}.${signature}.`,
    `${payload}.${payload}.${signature}`,
    `.${payload}.${signature}`,
    "",
    ".",
    "..",
    "\u0000.\u00FF.=",
    "a".repeat(100_000),
  ];
  for (const token of tokens) {
    await assert.rejects(server.verifier.verify(token, CONNECTOR), withCode("token_invalid"), token.slice(0, 40));
  }
});

Deno.test("verify() refuses a token that is signed symmetrically with the public key", async () => {
  await using server = await TestIssuer.start();
  const { keys: [jwk] } = await server.keys.jwks();
  const key = new TextEncoder().encode(JSON.stringify(jwk));
  const token = await forge(server, { header: { alg: "HS256" }, key });
  await assert.rejects(server.verifier.verify(token, CONNECTOR), withCode("token_invalid"));
});

Deno.test("verify() does not repeat the token in its errors", async () => {
  await using server = await TestIssuer.start();
  const header = encode({ alg: "ES256", typ: "at+jwt", crit: ["evil\n"], "evil\n": 1 });
  const token = `${header}.${encode({})}.${"A".repeat(86)}`;
  for (const text of [token, "evil.evil.evil"]) {
    await assert.rejects(
      server.verifier.verify(text, CONNECTOR),
      (error: Error) => error.name === "TokenError" && !error.message.includes("evil"),
    );
  }
});

Deno.test("verify() does not look at the issuer when none is configured", async () => {
  await using server = await TestIssuer.start();
  const verifier = new BuiltinTokenVerifier({ keys: server.keys, audience: AUDIENCE, now: server.clock.now });
  const token = await forge(server, { claims: { iss: "http://localhost:8080" } });
  assert.equal((await verifier.verify(token, CONNECTOR)).tenantName, "acme");
});

Deno.test("tokens outlive a rotation, on the server that rotated and on its neighbour", async () => {
  await using one = await TestIssuer.start();
  const two = one.neighbour();
  const { value } = await one.addTenant("acme");
  await one.keys.active();
  one.clock.advance(30 * DAY_MS);
  const before = await one.tokenFor("acme", value);
  await two.verifier.verify(before, CONNECTOR);
  await one.keys.rotateIfDue();
  const after = await one.tokenFor("acme", value);
  one.clock.advance(5_000);
  for (const server of [one, two]) {
    await server.verifier.verify(before, CONNECTOR);
    await server.verifier.verify(after, CONNECTOR);
  }
  one.clock.advance(TOKEN_LIFETIME_MS - 5_001);
  await two.keys.rotateIfDue();
  for (const server of [one, two]) await server.verifier.verify(before, CONNECTOR);
  one.clock.advance(DAY_MS);
  await two.keys.rotateIfDue();
  await assert.rejects(one.verifier.verify(before, CONNECTOR), withCode("token_invalid", /signing key is not known/));
});

Deno.test("verify() lets an error of the database through", async () => {
  await using server = await TestIssuer.start();
  const token = await forge(server, {});
  const keys = { find: () => Promise.reject(new Error("database is away")) };
  const verifier = new BuiltinTokenVerifier({ keys, audience: AUDIENCE, now: server.clock.now });
  await assert.rejects(verifier.verify(token, CONNECTOR), /^Error: database is away/);
});
