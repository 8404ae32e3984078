import assert from "node:assert/strict";
import { createLocalJWKSet, jwtVerify } from "jose";
import { createAuthRoutes } from "./routes.ts";
import { AUDIENCE, ISSUER_URL, TestIssuer } from "./testing.ts";

const FORM = "application/x-www-form-urlencoded";

async function start() {
  const server = await TestIssuer.start();
  const app = createAuthRoutes({
    issuer: server.issuer,
    keys: server.keys,
    baseUrl: ({ base }: { base?: string } = {}) => base ?? `${ISSUER_URL}/`,
  });
  return {
    server,
    app,
    ask: (body: BodyInit, headers: Record<string, string> = {}) =>
      app.request("/connect/token", { method: "POST", body, headers: { "Content-Type": FORM, ...headers } }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function bodyFor(clientId: string, clientSecret: string, scope = ""): string {
  const parameters = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret, scope };
  return new URLSearchParams(parameters).toString();
}

async function assertError(response: Response, status: number, code: string): Promise<void> {
  assert.equal(response.status, status);
  assert.match(response.headers.get("Content-Type") ?? "", /^application\/json/);
  assert.equal(response.headers.get("Cache-Control"), "no-store");
  const body = await response.json();
  assert.deepEqual(Object.keys(body), ["error", "error_description"]);
  assert.equal(body.error, code);
  // The characters that RFC 6749, section 5.2, allows.
  assert.match(body.error_description, /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
}

Deno.test("POST /connect/token gives a token for a secret in the body", async () => {
  await using parts = await start();
  const { value } = await parts.server.addTenant("Acme");
  const response = await parts.ask(bodyFor("acme", value, "connector"), { "Content-Type": `${FORM}; charset=UTF-8` });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("Cache-Control"), "no-store");
  assert.equal(response.headers.get("Pragma"), "no-cache");
  const { access_token, ...rest } = await response.json();
  assert.deepEqual(rest, { token_type: "Bearer", expires_in: 3600, scope: "connector" });
  assert.equal((await parts.server.verifier.verify(access_token, { scope: "connector" })).tenantName, "Acme");
});

Deno.test("POST /connect/token gives a token for a secret in the header", async () => {
  await using parts = await start();
  const { value } = await parts.server.addTenant("acme.east", "client");
  const credentials = new TextEncoder().encode(`acme%2Eeast:${value}`).toBase64();
  const response = await parts.ask("grant_type=client_credentials", { Authorization: `Basic ${credentials}` });
  assert.equal((await response.json()).scope, "client");
});

Deno.test("POST /connect/token answers errors as RFC 6749 wants them", async () => {
  await using parts = await start();
  const { value } = await parts.server.addTenant("acme");
  const wrong = await parts.ask(bodyFor("acme", "wrong"));
  assert.match(wrong.headers.get("WWW-Authenticate") ?? "", /^Basic /);
  await assertError(wrong, 401, "invalid_client");
  await assertError(await parts.ask("grant_type=client_credentials"), 401, "invalid_client");
  await assertError(await parts.ask(bodyFor("acme", value, "client")), 400, "invalid_scope");
  await assertError(await parts.ask("grant_type=password"), 400, "unsupported_grant_type");
  await assertError(await parts.ask("<>&\u0000=%"), 400, "invalid_request");
  for (const type of ["application/json", "multipart/form-data", `text/plain; ${FORM}`]) {
    const response = await parts.ask(bodyFor("acme", value), { "Content-Type": type });
    await assertError(response, 400, "invalid_request");
  }
});

Deno.test("POST /connect/token answers a wrong secret and an unknown tenant with the same bytes", async () => {
  await using parts = await start();
  await parts.server.addTenant("acme");
  const describe = async (response: Response) => [response.status, [...response.headers], await response.text()];
  assert.deepEqual(
    await describe(await parts.ask(bodyFor("acme", "wrong"))),
    await describe(await parts.ask(bodyFor("nobody", "wrong"))),
  );
});

Deno.test("POST /connect/token refuses more than 16 KiB, announced or not", async () => {
  await using parts = await start();
  const { value } = await parts.server.addTenant("acme");
  const body = bodyFor("acme", value);
  const fitting = `${body}&x=`.padEnd(16 * 1024, "x");
  const announce = (text: string) => ({ "Content-Length": String(text.length) });
  for (const headersOf of [announce, () => ({})]) {
    assert.equal((await parts.ask(fitting, headersOf(fitting))).status, 200);
    const large = `${fitting}x`;
    await assertError(await parts.ask(large, headersOf(large)), 413, "invalid_request");
  }
});

Deno.test("POST /connect/token answers a body that breaks off and a broken database", async () => {
  await using parts = await start();
  const { value } = await parts.server.addTenant("acme");
  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("connection reset")) });
  await assertError(await parts.ask(broken, { "Content-Length": "10" }), 400, "invalid_request");
  await parts.server.db.schema.dropTable("secrets").execute();
  await assertError(await parts.ask(bodyFor("acme", value)), 500, "server_error");
});

Deno.test("the discovery document names the addresses under which the client reaches the server", async () => {
  await using parts = await start();
  const response = await parts.app.request("/.well-known/openid-configuration", {}, { base: "http://h:1/base" });
  const document = await response.json();
  assert.equal(document.issuer, "http://h:1/base");
  assert.equal(document.token_endpoint, "http://h:1/base/connect/token");
  assert.equal(document.jwks_uri, "http://h:1/base/.well-known/jwks.json");
  assert.deepEqual(document.scopes_supported, ["connector", "client"]);
  assert.deepEqual(document.token_endpoint_auth_methods_supported, ["client_secret_basic", "client_secret_post"]);
});

Deno.test("a stranger can verify a token with discovery document and key set alone", async () => {
  await using parts = await start();
  const { value } = await parts.server.addTenant("acme");
  const { issuer } = await (await parts.app.request("/.well-known/openid-configuration")).json();
  const keys = createLocalJWKSet(await (await parts.app.request("/.well-known/jwks.json")).json());
  const { access_token } = await (await parts.ask(bodyFor("acme", value))).json();
  const { payload } = await jwtVerify(access_token, keys, {
    issuer,
    audience: AUDIENCE,
    currentDate: new Date(parts.server.clock.now()),
  });
  assert.equal(payload.client_id, "acme");
});
