import assert from "node:assert/strict";
import { generateKeyPair } from "jose";
import { FrameType } from "../shared/protocol/frame.ts";
import { makeConnector, startConnector } from "./testkit/connector.ts";
import { assertAnswer, assertProblem, requestToken } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { RawConnector, refusedUpgrade } from "./testkit/raw_connector.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const hello = () => new Response("hello");

/** A token that says whatever it likes and is not signed. */
function unsignedToken(tenant: TestTenant, scope: string): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    ...{ client_id: tenant.name, tenant_id: tenant.id, scope, iss: "x", sub: tenant.id, aud: "relayserver" },
    ...{ iat: now, nbf: now, exp: now + 3600, jti: crypto.randomUUID() },
  };
  return `${part({ alg: "none", typ: "at+jwt" })}.${part(claims)}.`;
}

/** Tokens that nobody may accept, by what is wrong with them. */
async function badTokens(
  { database }: TestServer,
  tenant: TestTenant,
  scope: "connector" | "client",
): Promise<Record<string, string>> {
  const { privateKey } = await generateKeyPair("ES256");
  const good = await database.signToken(tenant, { scope });
  const [head, claims, signature = ""] = good.split(".");
  return {
    "expired": await database.signToken(tenant, { scope, expiresInMs: -60_000 }),
    "signed with another key": await database.signToken(tenant, { scope, key: privateKey }),
    "for another audience": await database.signToken(tenant, { scope, audience: "elsewhere" }),
    "not signed": unsignedToken(tenant, scope),
    "without its signature": `${head}.${claims}.`,
    "with another's claims": `${head}.${unsignedToken(tenant, scope).split(".")[1]}.${signature}`,
    "no token at all": "nonsense-token",
  };
}

Deno.test("a wrong, an expired and another tenant's secret get no token", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const other = await server.database.createTenant();
  const expired = await server.database.addSecret(tenant.id, { use: "connector", expiresAt: Date.now() - 1 });
  const attempts = [
    [tenant.name, "wrong-secret"],
    [tenant.name, other.connectorSecret],
    [tenant.name, expired],
    ["no-such-tenant", tenant.connectorSecret],
  ] as const;
  for (const [clientId, clientSecret] of attempts) {
    const response = await requestToken(server.url, { clientId, clientSecret });
    const text = await response.text();
    assert.equal(`${response.status} ${JSON.parse(text).error}`, "401 invalid_client", text);
    assert.ok(!text.includes(clientSecret) && !text.includes(clientId), text);
  }
});

Deno.test("/connector refuses every bad token before the upgrade", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await server.token(tenant, "connector");
  for (const [fault, token] of Object.entries(await badTokens(server, tenant, "connector"))) {
    const response = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
    await assertProblem(response, { status: 401, code: "authentication_required", notEchoed: [token] })
      .catch((error) => assert.fail(`${fault}: ${error}`));
  }
  await assertProblem(await refusedUpgrade(server.port), { status: 401, code: "authentication_required" });
  const basic = await refusedUpgrade(server.port, { authorization: "Basic c2VjcmV0OnZhbHVl" });
  await assertProblem(basic, { status: 401, code: "authentication_required", notEchoed: ["c2VjcmV0OnZhbHVl"] });
});

Deno.test("/connector refuses a client's token, and lets a token that is signed by hand like a good one pass", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const clientToken = await server.token(tenant, "client");
  const refused = await refusedUpgrade(server.port, { authorization: `Bearer ${clientToken}` });
  await assertProblem(refused, { status: 403, code: "access_denied", notEchoed: [clientToken] });
  using _connector = await RawConnector.connect(server.url, {
    token: await server.database.signToken(tenant, { scope: "connector" }),
  });
});

Deno.test("a tenant that requires authentication takes its own clients' tokens only", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ requireAuthentication: true });
  const other = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: hello } });
  const relay = (token: string | undefined, name = "authorization") =>
    server.relay(tenant, "app/secret-path", { headers: token === undefined ? {} : { [name]: `Bearer ${token}` } });

  await assertProblem(await relay(undefined), {
    status: 401,
    code: "authentication_required",
    notEchoed: ["secret-path"],
  });
  for (const [fault, token] of Object.entries(await badTokens(server, tenant, "client"))) {
    await assertProblem(await relay(token), { status: 401, code: "authentication_required", notEchoed: [token] })
      .catch((error) => assert.fail(`${fault}: ${error}`));
  }
  await assertProblem(await relay(await server.token(other, "client")), { status: 403, code: "access_denied" });
  await assertProblem(await relay(await server.token(tenant, "connector")), { status: 403, code: "access_denied" });
  const token = await server.token(tenant, "client");
  await assertAnswer(await relay(token), { text: "hello" });
  await assertAnswer(await relay(token, "relayserver-authorization"), { text: "hello" });
});

Deno.test("the token that the relay consumed is not forwarded, and no other authorization is touched", async () => {
  await using server = await startServer();
  const locked = await server.database.createTenant({ requireAuthentication: true });
  const open = await server.database.createTenant();
  const credentials = (request: Request) =>
    Response.json([request.headers.get("authorization"), request.headers.get("relayserver-authorization")]);
  await using _one = await startConnector(server, locked, { targets: { app: credentials } });
  await using _two = await startConnector(server, open, { targets: { app: credentials } });
  const seen = async (tenant: TestTenant, headers: Record<string, string>) =>
    await (await server.relay(tenant, "app", { headers })).json();

  const token = `Bearer ${await server.token(locked, "client")}`;
  assert.deepEqual(await seen(locked, { "Authorization": token }), [null, null]);
  assert.deepEqual(
    await seen(locked, { "RelayServer-Authorization": token, "Authorization": "Basic Zm9v" }),
    ["Basic Zm9v", null],
  );
  assert.deepEqual(await seen(open, { "Authorization": "Bearer of-the-application" }), [
    "Bearer of-the-application",
    null,
  ]);
});

Deno.test("a CORS preflight passes without a token, and nothing else that looks like one", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ requireAuthentication: true });
  const allow = ({ method }: Request) => new Response(method, { headers: { "access-control-allow-origin": "*" } });
  await using _connector = await startConnector(server, tenant, { targets: { app: allow } });
  const headers = { "origin": "http://page.example", "access-control-request-method": "PUT" };
  const preflight = await server.relay(tenant, "app", { method: "OPTIONS", headers });
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  await assertAnswer(preflight, { text: "OPTIONS" });
  const unauthorized = { status: 401, code: "authentication_required" };
  await assertProblem(await server.relay(tenant, "app", { method: "OPTIONS" }), unauthorized);
  await assertProblem(await server.relay(tenant, "app", { method: "POST", headers }), unauthorized);
});

Deno.test("a disabled tenant gets no token, no connection and no answer", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: hello } });
  const token = await server.token(tenant, "connector");
  await assertAnswer(await server.relay(tenant, "app"), { text: "hello" });

  await server.database.updateTenant(tenant.id, { enabled: false });
  await assertProblem(await server.relay(tenant, "app"), { status: 403, code: "tenant_disabled" });
  const refused = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
  await assertProblem(refused, { status: 403, code: "tenant_disabled", notEchoed: [tenant.name] });
  const issued = await requestToken(server.url, { clientId: tenant.name, clientSecret: tenant.connectorSecret });
  assert.deepEqual([issued.status, (await issued.json()).error], [401, "invalid_client"]);
});

Deno.test("a deleted tenant gets no token, no connection and no answer", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: hello } });
  const token = await server.token(tenant, "connector");
  await assertAnswer(await server.relay(tenant, "app"), { text: "hello" });

  await server.database.removeTenant(tenant.id);
  const answer = await server.relay(tenant, "app");
  await assertProblem(answer, { status: 404, code: "tenant_unknown", notEchoed: [tenant.name] });
  const refused = await refusedUpgrade(server.port, { authorization: `Bearer ${token}` });
  await assertProblem(refused, { status: 401, code: "authentication_required" });
  const issued = await requestToken(server.url, { clientId: tenant.name, clientSecret: tenant.connectorSecret });
  assert.deepEqual([issued.status, (await issued.json()).error], [401, "invalid_client"]);
});

Deno.test("a connector renews its token in place, so that a download outlives it", async () => {
  await using server = await startServer({ auth: { tokenLifetime: "2s" } });
  const tenant = await server.database.createTenant();
  const startedAtMs = performance.now();
  let sent = 0;
  const download = () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          // Two lifetimes and a half: a connection that is not renewed would be told to go in between.
          if (performance.now() - startedAtMs > 5000) return controller.close();
          await new Promise((resolve) => setTimeout(resolve, 100));
          controller.enqueue(new Uint8Array(1000));
          sent += 1000;
        },
      }),
    );
  await using _connector = await startConnector(server, tenant, { targets: { app: download } });
  const body = await (await server.relay(tenant, "app")).bytes();
  assert.ok(body.length === sent && sent > 20_000, `${body.length} of ${sent}`);
  assert.equal(testLog.find({ message: / connected from /, properties: { tenant: tenant.name } }).length, 1);
  assert.deepEqual(testLog.find({ message: /asks to go away/, properties: { server: server.url } }), []);
});

/** A connection with one request under way, to see what a renewal does to it. */
async function withRequestUnderWay(
  server: TestServer,
  tenant: TestTenant,
  run: (connector: RawConnector) => Promise<void>,
): Promise<void> {
  using connector = await RawConnector.connect(server.url, { token: await server.token(tenant, "connector") });
  const response = server.relay(tenant, "raw");
  const request = await connector.next(FrameType.request);
  await run(connector);
  connector.respond(request.id, "finished");
  await assertAnswer(await response, { text: "finished" });
  connector.send(FrameType.goAway, request.id, { head: { reason: "draining", reconnect: "later" } });
  assert.equal((await connector.closed).code, 1000);
}

async function renew(connector: RawConnector, token: string): Promise<unknown> {
  connector.send(FrameType.authenticate, "0".repeat(32), { head: { token } });
  return (await connector.next(FrameType.goAway)).json.reason;
}

Deno.test("a refused renewal makes the server finish what runs and close", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const other = await server.database.createTenant();
  await server.token(tenant, "connector");
  const refused = {
    ...await badTokens(server, tenant, "connector"),
    "of another tenant": await server.token(other, "connector"),
    "of a client": await server.token(tenant, "client"),
  };
  for (const [fault, token] of Object.entries(refused)) {
    await withRequestUnderWay(server, tenant, async (connector) => {
      assert.equal(await renew(connector, token), "authentication_failed", fault);
    });
  }
});

Deno.test("a renewal fails when the tenant was disabled or deleted meanwhile", async () => {
  await using server = await startServer();
  const disabled = await server.database.createTenant();
  const removed = await server.database.createTenant();
  await withRequestUnderWay(server, disabled, async (connector) => {
    const token = await server.token(disabled, "connector");
    await server.database.updateTenant(disabled.id, { enabled: false });
    assert.equal(await renew(connector, token), "tenant_disabled");
  });
  await withRequestUnderWay(server, removed, async (connector) => {
    const token = await server.token(removed, "connector");
    await server.database.removeTenant(removed.id);
    assert.equal(await renew(connector, token), "authentication_failed");
  });
});

Deno.test("a token that ends without a renewal makes the server finish what runs and close", async () => {
  await using server = await startServer({ auth: { tokenLifetime: "1s" } });
  const tenant = await server.database.createTenant();
  await withRequestUnderWay(server, tenant, async (connector) => {
    const { reason, reconnect } = (await connector.next(FrameType.goAway)).json;
    assert.deepEqual({ reason, reconnect }, { reason: "authentication_failed", reconnect: "later" });
  });
});

Deno.test("a good renewal in place keeps the connection", async () => {
  await using server = await startServer({ auth: { tokenLifetime: "1s" } });
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  using connector = await RawConnector.connect(server.url, { token });
  const longer = await server.database.signToken(tenant, { scope: "connector" });
  connector.send(FrameType.authenticate, "0".repeat(32), { head: { token: longer } });
  // Another connection with the first token, opened later, shows when that token's end is over.
  using witness = await RawConnector.connect(server.url, { token });
  await witness.next(FrameType.goAway);
  assert.equal(connector.count(FrameType.goAway), 0);
  const response = server.relay(tenant, "raw");
  connector.respond((await connector.next(FrameType.request)).id, "still here");
  await assertAnswer(await response, { text: "still here" });
});

Deno.test("a connector with a wrong secret tries on and never connects", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const impostor = { ...tenant, connectorSecret: "wrong-secret" };
  await using connector = await makeConnector(server, impostor, { targets: { app: hello } });
  connector.start();
  const { properties } = await testLog.waitFor({ message: /Trying again in/ }, { count: 2 });
  assert.match(String(properties.why), /refused the tenant's credentials/);
  assert.ok(!JSON.stringify(properties).includes("wrong-secret"));
  await assertProblem(await server.relay(tenant, "app"), { status: 503, code: "connector_unavailable" });
});
