import assert from "node:assert/strict";
import { startConnector } from "./testkit/connector.ts";
import { assertProblem } from "./testkit/http.ts";
import { mirrored, startMirror, valuesOf } from "./testkit/mirror.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import { connectTcp, type RawResponse } from "./testkit/tcp.ts";

const BASE = "relay.example.com";

/** Sends a request under a host name. */
async function ask(server: TestServer, host: string, requestLine = "GET /", lines: readonly string[] = []) {
  using client = await connectTcp(server.port);
  await client.send([`${requestLine} HTTP/1.1`, `Host: ${host}`, ...lines, "", ""].join("\r\n"));
  return await client.readResponse({ method: requestLine.split(" ")[0]! });
}

/** A server with host routing, and the tenant `acme` with the target `erp`, a mirror. */
async function startHosts(options: { readonly lines?: readonly string[]; readonly tenantName?: string } = {}) {
  await using resources = new AsyncDisposableStack();
  const target = resources.use(await startMirror(options.lines));
  const server = resources.use(await startServer({ baseDomain: BASE }));
  const tenant = await server.database.createTenant({ name: options.tenantName ?? "Acme" });
  const targets = { "erp": target.url, "e_rp": target.url, "kept": { url: target.url, preserveHost: true } };
  resources.use(await startConnector(server, tenant, { targets }));
  const kept = resources.move();
  return { server, tenant, target, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

Deno.test("a host names tenant and target, and the whole path goes there byte for byte", async () => {
  await using site = await startHosts();
  for (const path of ["/", "/a//b%2F%2f+c?d=%20&e", "/?", "/relay/acme/erp/x", '/%41%7E|"^?{}']) {
    const { requestLine } = mirrored(await ask(site.server, `erp--acme.${BASE}`, `GET ${path}`));
    assert.equal(requestLine, `GET ${path} HTTP/1.1`);
  }
});

Deno.test("no route of the server exists on a target's host", async () => {
  await using site = await startHosts();
  const requestLines = [
    "GET /health/live",
    "GET /health/ready",
    "GET /connector",
    "GET /connector?x",
    "POST /connect/token",
    "GET /.well-known/openid-configuration",
    "GET /.well-known/jwks.json",
    "GET /.well-known/relayserver-configuration",
    "GET /relay/no-such-tenant/app",
    "GET /trace/no-such-tenant/app",
    "OPTIONS /relay/",
  ];
  for (const requestLine of requestLines) {
    const response = await ask(site.server, `erp--acme.${BASE}`, requestLine, ["Content-Length: 0"]);
    assert.equal(mirrored(response).requestLine, `${requestLine} HTTP/1.1`);
  }
});

Deno.test("a connector's WebSocket request on a target's host does not reach the server", async () => {
  await using site = await startHosts();
  const token = await site.server.token(site.tenant, "connector");
  const response = await ask(site.server, `erp--acme.${BASE}`, "GET /connector", [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: relayserver.v1",
    `Authorization: Bearer ${token}`,
  ]);
  assert.equal(mirrored(response).requestLine, "GET /connector HTTP/1.1");
});

Deno.test("port, case and the dot of a fully qualified name make no difference", async () => {
  await using site = await startHosts();
  const { server } = site;
  const hosts = [
    `erp--acme.${BASE}:${server.port}`,
    `ERP--ACME.${BASE.toUpperCase()}`,
    `erp--acme.${BASE}.`,
    `Erp--Acme.${BASE}.:443`,
  ];
  for (const host of hosts) {
    const got = mirrored(await ask(server, host, "GET /x"));
    assert.equal(got.requestLine, "GET /x HTTP/1.1");
    assert.equal(valuesOf(got, "x-forwarded-host"), host);
  }
});

Deno.test("the target learns the host that the client asked for", async () => {
  await using site = await startHosts();
  const { server, target } = site;
  const host = `erp--acme.${BASE}:8443`;
  const lines = ["X-Forwarded-Host: evil.example", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https"];
  const got = mirrored(await ask(server, host, "GET /", lines));
  assert.deepEqual(
    ["host", "x-forwarded-host", "x-forwarded-for", "x-forwarded-proto", "forwarded", "via"].map((name) =>
      valuesOf(got, name)
    ),
    [new URL(target.url).host, host, "127.0.0.1", "http", `for=127.0.0.1;host="${host}";proto=http`, "1.1 relayserver"],
  );
  const kept = `kept--acme.${BASE}`;
  assert.equal(valuesOf(mirrored(await ask(server, kept)), "host"), kept);
});

Deno.test("a host below the base domain that names no tenant and target is 404, never a route", async () => {
  await using site = await startHosts();
  const cases: Readonly<Record<string, string>> = {
    "www": "not_found",
    "erp-acme": "not_found",
    "erp--acme--x": "not_found",
    "x.erp--acme": "not_found",
    "erp--": "not_found",
    "--acme": "not_found",
    [`erp--${"a".repeat(59)}`]: "not_found",
    "erp--nobody": "tenant_unknown",
    "erp--ac_me": "tenant_unknown",
    "nothing--acme": "target_unknown",
    "e_rp--acme": "target_unknown",
  };
  for (const [label, code] of Object.entries(cases)) {
    for (const path of ["/", "/health/live", "/relay/Acme/erp/"]) {
      const response = await ask(site.server, `${label}.${BASE}`, `GET ${path}`);
      await assertProblem(response, { status: 404, code, notEchoed: [label] });
    }
  }
});

Deno.test("names that no host can carry are still reached by path", async () => {
  await using site = await startHosts({ tenantName: "ac_me" });
  await assertProblem(await ask(site.server, `erp--ac_me.${BASE}`), { status: 404, code: "tenant_unknown" });
  const { requestLine } = mirrored(await ask(site.server, "localhost", "GET /relay/ac_me/e_rp/x"));
  assert.equal(requestLine, "GET /x HTTP/1.1");
});

Deno.test("the base domain itself and hosts elsewhere keep the server's routes", async () => {
  await using site = await startHosts();
  const hosts = [BASE, `${BASE}:80`, `${BASE}.`, "127.0.0.1", "erp--acme.example.com", `erp--acme.x${BASE}`];
  for (const host of hosts) {
    assert.equal((await ask(site.server, host, "GET /health/live")).status, 200, host);
    assert.equal(mirrored(await ask(site.server, host, "GET /relay/acme/erp/y")).requestLine, "GET /y HTTP/1.1");
    await assertProblem(await ask(site.server, host, "GET /y"), { status: 404, code: "not_found" });
  }
});

Deno.test("without a base domain a target's host is like any other", async () => {
  await using server = await startServer();
  assert.equal((await ask(server, `erp--acme.${BASE}`, "GET /health/live")).status, 200);
});

Deno.test("a path that could leave the target's base URL is 400 on a target's host too", async () => {
  await using site = await startHosts();
  for (const path of ["/..", "/a/../b", "/%2e%2E/", "/a%5c..", "/..;x/"]) {
    const response = await ask(site.server, `erp--acme.${BASE}`, `GET ${path}`);
    await assertProblem(response, { status: 400, code: "invalid_request" });
  }
});

Deno.test("a tenant's policy holds on its hosts", async () => {
  await using site = await startHosts();
  const { server, tenant } = site;
  await server.database.updateTenant(tenant.id, { requireAuthentication: true });
  const host = `erp--acme.${BASE}`;
  await assertProblem(await ask(server, host), { status: 401, code: "authentication_required" });
  const token = await server.token(tenant, "client");
  const got = mirrored(await ask(server, host, "GET /", [`Authorization: Bearer ${token}`]));
  assert.equal(valuesOf(got, "authorization"), "");
});

/** The values of `Set-Cookie`, in order. */
function cookies({ headers }: RawResponse): string[] {
  return headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value);
}

Deno.test("a target's cookies stay on its own host, and only there lose their Domain", async () => {
  const lines = [
    `Set-Cookie: a=1; Path=/; Domain=.${BASE};  Secure`,
    "X-Between: 1",
    "Set-Cookie: b=2; domain=EXAMPLE.com",
    `Set-Cookie: c=3; Domain=erp--acme.${BASE}; HttpOnly`,
    "set-cookie: d=4; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
  ];
  await using site = await startHosts({ lines });
  assert.deepEqual(cookies(await ask(site.server, `erp--acme.${BASE}`)), [
    "a=1; Path=/;  Secure",
    "b=2",
    `c=3; Domain=erp--acme.${BASE}; HttpOnly`,
    "d=4; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
  ]);
  assert.deepEqual(
    cookies(await ask(site.server, BASE, "GET /relay/acme/erp/")),
    lines.filter((line) => /^set-cookie/i.test(line)).map((line) => line.slice("Set-Cookie: ".length)),
  );
});
