import assert from "node:assert/strict";
import type { AccessPolicy } from "../server/policy/mod.ts";
import { startConnector } from "./testkit/connector.ts";
import { assertProblem } from "./testkit/http.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import { type Site, startSite } from "./testkit/site.ts";
import { connectTcp, type RawResponse } from "./testkit/tcp.ts";

/** Sends a request byte for byte. */
async function send(
  server: TestServer,
  requestLine: string,
  options: { readonly lines?: readonly string[]; readonly host?: string; readonly body?: string } = {},
): Promise<RawResponse> {
  const { lines = [], host = `127.0.0.1:${server.port}`, body = "" } = options;
  using client = await connectTcp(server.port);
  await client.send([`${requestLine} HTTP/1.1`, `Host: ${host}`, ...lines, "", body].join("\r\n"));
  return await client.readResponse({ method: requestLine.split(" ")[0]! });
}

for (const listener of LISTENERS) {
  const startPolicy = (accessPolicy: AccessPolicy, overrides = {}): Promise<Site> =>
    startSite({ "app": () => new Response("in"), "*": () => new Response("in") }, { listener, ...overrides }, {
      tenant: { accessPolicy },
    });

  Deno.test(`${listener}: a denied path stays denied however it is written`, async () => {
    await using site = await startPolicy({
      default: "allow",
      rules: [{ name: "no admin", effect: "deny", pathPrefixes: ["/admin"] }],
    });
    const { server, tenant } = site;
    const paths = [
      ...[
        "/admin",
        "/ADMIN",
        "/Admin/",
        "//admin",
        "///admin//x",
        "/%61dmin",
        "/%41DMIN",
        "/%2561dmin",
        "/%252561dmin",
      ],
      ...[
        "/admin%2Fx",
        "/%2Fadmin",
        "/%2fadmin",
        "/%252Fadmin",
        "/%5Cadmin",
        "/admin%5Cx",
        "/admin;x=1",
        "/;/admin",
        "/admin;/x",
      ],
      ...[
        "/admin.",
        "/admin./x",
        "/admin%20",
        "/admin%2e",
        "/admin%00",
        "/%00/admin",
        "/%09/admin",
        "/admin%0a",
        "/x%c0%afadmin",
      ],
      ...[
        "/x/%252e%252e/admin",
        "/x/%25252e./admin",
        "/%u0061dmin",
        "/%EF%BC%8Fadmin",
        "/%EF%BD%81dmin",
        "/admin?x",
        "/admin;?x",
      ],
    ];
    for (const path of paths) {
      for (const start of [`/relay/${tenant.name}/app`, `/relay/${tenant.name.toUpperCase()}/%61pp`]) {
        const response = await send(server, `GET ${start}${path}`);
        await assertProblem(response, { status: 403, code: "access_denied" })
          .catch((error) => assert.fail(`${start}${path}: ${error.message}`));
      }
    }
    for (const path of ["/x/../admin", "/x/%2e%2e/admin", "/x/..%2fadmin", "/x\\..\\admin", "/x/..;/admin"]) {
      assert.equal((await send(server, `GET /relay/${tenant.name}/app${path}`)).status, 400, path);
    }
    for (const path of ["", "/", "/administration", "/a/admin", "/x?/admin", "?/../admin", "/100%25"]) {
      assert.equal((await send(server, `GET /relay/${tenant.name}/app${path}`)).status, 200, path);
    }
  });

  Deno.test(`${listener}: only what surely lies in an allowed path is allowed`, async () => {
    await using site = await startPolicy({
      default: "deny",
      rules: [{ name: "api", effect: "allow", targets: ["app"], pathPrefixes: ["/api"] }],
    });
    const { server, tenant } = site;
    const base = `/relay/${tenant.name}`;
    const denied = [
      ...[
        "/app",
        "/app/",
        "/app/apix",
        "/app/API",
        "/app/api.",
        "/app//api",
        "/app/api%2Fx",
        "/app/api%5Cx",
        "/app/api;/x",
      ],
      ...[
        "/app/api/%252e%252e/admin",
        "/app/api/.%252e/x",
        "/app/%2561pi",
        "/app?/api",
        "/app/%2Fapi",
        "/app/api%20/x",
      ],
      ...["/other/api", "/app./api", "/apple/api", "/app%2E/api"],
    ];
    for (const path of denied) {
      const response = await send(server, `GET ${base}${path}`);
      await assertProblem(response, { status: 403, code: "access_denied" })
        .catch((error) => assert.fail(`${path}: ${error.message}`));
    }
    for (
      const path of ["/app/api", "/app/api/", "/APP/api/x", "/%41pp/%61pi/x%20y", "/app/api//x", "/app/api?x=/../"]
    ) {
      assert.equal((await send(server, `GET ${base}${path}`)).status, 200, path);
    }
  });

  Deno.test(`${listener}: an absolute form is judged by its path`, async () => {
    await using site = await startPolicy({
      default: "allow",
      rules: [{ name: "x", effect: "deny", pathPrefixes: ["/admin"] }],
    });
    const { server, tenant } = site;
    const url = `http://127.0.0.1:${server.port}/relay/${tenant.name}/app`;
    assert.equal((await send(server, `GET ${url}/admin`)).status, 403);
    assert.equal((await send(server, `GET ${url}/%61dmin`)).status, 403);
    assert.equal((await send(server, `GET ${url}/ok`)).status, 200);
  });

  Deno.test(`${listener}: the host route has the same policy as the path`, async () => {
    await using server = await startServer({ listener, baseDomain: "relay.example.com" });
    const tenant = await server.database.createTenant({
      name: "acme",
      accessPolicy: {
        default: "deny",
        rules: [{ name: "x", effect: "allow", targets: ["app"], pathPrefixes: ["/api"] }],
      },
    });
    const targets = { app: () => new Response("in"), other: () => new Response("in") };
    await using _connector = await startConnector(server, tenant, { targets });
    const ask = async (host: string, path: string) => (await send(server, `GET ${path}`, { host })).status;
    const host = "app--acme.relay.example.com";
    assert.equal(await ask(host, "/api/x"), 200);
    for (const path of ["/", "/admin", "/relay/acme/app/api", "/%2561pi", "//api"]) {
      assert.equal(await ask(host, path), 403, path);
      assert.equal(await ask("APP--ACME.relay.example.com.:80", path), 403, path);
    }
    assert.equal(await ask("other--acme.relay.example.com", "/api"), 403);
    assert.equal((await send(server, "GET /relay/acme/other/api")).status, 403);
    assert.equal((await send(server, "GET /trace/acme/other/api")).status, 403);
    assert.equal((await send(server, "GET /trace/acme/app/api")).status, 200);
  });

  Deno.test(`${listener}: headers do not make another method of one that is allowed`, async () => {
    await using site = await startPolicy({
      default: "deny",
      rules: [{ name: "x", effect: "allow", methods: ["POST", "GET"] }],
    });
    const { server, tenant } = site;
    const ask = async (method: string, lines: readonly string[] = []) =>
      (await send(server, `${method} /relay/${tenant.name}/app`, { lines: ["Content-Length: 0", ...lines] })).status;
    assert.equal(await ask("POST"), 200);
    for (const name of ["X-HTTP-Method-Override", "x-http-method-override", "X-HTTP-Method", "X-Method-Override"]) {
      assert.equal(await ask("POST", [`${name}: DELETE`]), 403, name);
      assert.equal(await ask("POST", [`${name}: GET`, `${name}: DELETE`]), 403, name);
      assert.equal(await ask("POST", [`${name}: GET`]), 200, name);
    }
    for (const method of ["DELETE", "HEAD", "PATCH"]) assert.equal(await ask(method), 403, method);
    assert.ok([400, 403].includes(await ask("post")), "a known method in lower case is none");
  });

  Deno.test(`${listener}: nobody becomes somebody else by a header`, async () => {
    const accessPolicy: AccessPolicy = {
      default: "deny",
      rules: [{ name: "x", effect: "allow", addresses: ["10.0.0.0/8"] }],
    };
    const spoofed = [
      "X-Forwarded-For: 10.0.0.1",
      "Forwarded: for=10.0.0.1",
      "X-Real-IP: 10.0.0.1",
      "Client-IP: 10.0.0.1",
    ];
    {
      await using site = await startPolicy(accessPolicy);
      assert.equal((await send(site.server, `GET /relay/${site.tenant.name}/app`, { lines: spoofed })).status, 403);
    }
    await using site = await startPolicy(accessPolicy, { trustedProxies: ["127.0.0.1"] });
    const ask = async (...lines: string[]) =>
      (await send(site.server, `GET /relay/${site.tenant.name}/app`, { lines })).status;
    for (
      const value of ["10.0.0.1", "192.0.2.1, 10.0.0.1", "10.0.0.1, 127.0.0.1", "::ffff:10.0.0.1", "10.1.2.3:4711"]
    ) {
      assert.equal(await ask(`X-Forwarded-For: ${value}`), 200, value);
    }
    for (
      const value of ["10.0.0.1, 192.0.2.1", "unknown", "10.0.0.1.", "010.0.0.1", "::ffff:11.0.0.1", "10.0.0.1, x"]
    ) {
      assert.equal(await ask(`X-Forwarded-For: ${value}`), 403, value);
    }
    assert.equal(await ask("X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 192.0.2.1"), 403);
    assert.equal(await ask("Forwarded: for=10.0.0.1"), 403);
  });

  Deno.test(`${listener}: a content type is no other because of case, parameters or a second header`, async () => {
    await using site = await startPolicy({
      default: "deny",
      rules: [{ name: "x", effect: "allow", methods: ["POST"], contentTypes: ["application/json"] }],
    });
    const { server, tenant } = site;
    const ask = async (...lines: string[]) =>
      (await send(server, `POST /relay/${tenant.name}/app`, { lines: ["Content-Length: 2", ...lines], body: "{}" }))
        .status;
    for (
      const type of ["application/json", "Application/JSON", "application/json;charset=utf-8", "application/json ; a=b"]
    ) {
      assert.equal(await ask(`Content-Type: ${type}`), 200, type);
    }
    for (
      const type of [
        "text/xml",
        "application/jsonp",
        "application/xml;application/json",
        "",
        "application/json, text/xml",
      ]
    ) {
      assert.equal(await ask(`Content-Type: ${type}`), 403, type);
    }
    assert.equal(await ask(), 403);
    assert.ok(await ask("Content-Type: application/json", "content-type: text/xml") >= 400);
    assert.ok(await ask("Content-Type: text/xml", "Content-Type: application/json") >= 400);
  });

  Deno.test(`${listener}: a body above the policy's limit ends, announced or not`, async () => {
    const { promise: broken, resolve } = Promise.withResolvers<unknown>();
    await using site = await startSite(
      {
        app: async (request) => {
          const read = request.arrayBuffer().then(({ byteLength }) => byteLength);
          if (request.url.endsWith("/chunked")) resolve(await read.catch(() => "broken off"));
          else await read;
          return new Response("in");
        },
      },
      { listener },
      {
        tenant: {
          accessPolicy: {
            default: "allow",
            maxBodySize: 1_000_000,
            rules: [{ name: "small", effect: "allow", pathPrefixes: ["/small"], maxBodySize: "1KiB" }],
          },
        },
      },
    );
    const { server, tenant } = site;
    const post = (path: string, length: number) =>
      send(server, `POST /relay/${tenant.name}/app${path}`, {
        lines: [`Content-Length: ${length}`],
        body: "x".repeat(length),
      });
    assert.equal((await post("/small", 1_024)).status, 200);
    const tooLarge = { status: 413, code: "body_too_large" };
    await assertProblem(await post("/small", 1_025), tooLarge);
    await assertProblem(
      await send(server, `POST /relay/${tenant.name}/app/`, { lines: ["Content-Length: 1000001"] }),
      tooLarge,
    );

    using client = await connectTcp(server.port);
    await client.send(
      `POST /relay/${tenant.name}/app/chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const chunk = "x".repeat(50_000);
    for (let sent = 0; sent <= 1_000_000; sent += chunk.length) {
      await client.send(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    }
    await assertProblem(await client.readResponse(), tooLarge);
    assert.equal(await broken, "broken off");
    await testLog.waitFor({
      message: /^\{method\}/,
      properties: { tenant: tenant.name, policyReason: "deny: body above 1000000 bytes", errorCode: "body_too_large" },
    }, { count: 2 });
  });
}
