/**
 * Everything that can stand between a connector and its server: each is named in one line of the log, with what to do, and the connector
 * keeps trying.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { startBrokenProxy, startTestProxy } from "../shared/net/testing.ts";
import { makeCertificate, makeCertificateOf } from "./testkit/certificate.ts";
import { type ConnectorOverrides, makeConnector } from "./testkit/connector.ts";
import { testLog } from "./testkit/log.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { startServer } from "./testkit/server.ts";
import { closedPort, startTarget } from "./testkit/target.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const openssl = await requireCommands(["openssl"], { requirement: "proxy" });

const TENANT: TestTenant = { id: "", name: "acme", connectorSecret: "hunter2-secret", clientSecret: "" };

/** Starts a connector and waits for this complaint about its server, so many times. */
async function assertComplains(
  url: string,
  complaint: RegExp,
  { tenant = TENANT, count = 1, ...options }: Omit<ConnectorOverrides, "targets"> & {
    tenant?: TestTenant;
    count?: number;
  } = {},
): Promise<void> {
  await using connector = await makeConnector({ url }, tenant, options);
  connector.start();
  let found = 0;
  for (let seen = 1; found < count; seen++) {
    const record = await testLog.waitFor({ message: /Trying again/ }, { count: seen, timeoutMs: 25_000 });
    const why = String(record.properties.why);
    if (!why.startsWith(`Cannot connect to ${url}:`)) continue;
    assert.match(why, complaint);
    assert.doesNotMatch(why, /hunter2/);
    assert.doesNotMatch(why, /\n/);
    found++;
  }
}

Deno.test("a server that is not there is named, again and again", async () => {
  await assertComplains(`http://127.0.0.1:${closedPort()}`, /ECONNREFUSED.*; nobody takes connections there/, {
    count: 2,
  });
});

Deno.test("a server that comes later is connected to", async () => {
  const port = closedPort();
  await assertComplains(`http://127.0.0.1:${port}`, /ECONNREFUSED/);
  await using server = await startServer({ port });
  const tenant = await server.database.createTenant();
  await using connector = await makeConnector(server, tenant);
  connector.start();
  await server.connected(tenant);
});

const WRONG_SERVERS: Readonly<Record<string, readonly [answer: () => Response, complaint: RegExp]>> = {
  "a captive portal with a page": [
    () => new Response("<!doctype html><title>Log in</title>", { headers: { "content-type": "text/html" } }),
    /is a web page, no discovery document of a RelayServer; .*captive portal/,
  ],
  "a captive portal that redirects": [
    () => new Response(null, { status: 302, headers: { location: "http://portal.example/login?mac=1" } }),
    /it redirects to http:\/\/portal\.example\/login; check relayServerBaseUri; a captive portal/,
  ],
  "another web server": [
    () => new Response("Not found", { status: 404 }),
    /relayserver-configuration answered 404; check relayServerBaseUri/,
  ],
  "a server in trouble": [() => new Response("no", { status: 502 }), /answered 502/],
};
for (const [what, [answer, complaint]] of Object.entries(WRONG_SERVERS)) {
  Deno.test(`${what} in place of the server is named`, async () => {
    await using server = startTarget(answer);
    await assertComplains(server.url, complaint);
  });
}

Deno.test("a RelayServer of another kind is named with its version", async () => {
  await using server = startTarget((request) => {
    const base = new URL(request.url).origin;
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("relayserver-configuration")) {
      const addresses = { authorizationServer: `${base}/`, connectorEndpoint: `${base}/connector` };
      return Response.json({ serverVersion: "3.1.0", ...addresses });
    }
    if (pathname.endsWith("openid-configuration")) {
      return Response.json({ issuer: base, token_endpoint: `${base}/connect/token` });
    }
    if (pathname === "/connect/token") {
      return Response.json({ access_token: "t", token_type: "Bearer", expires_in: 60 });
    }
    return new Response("No", { status: 404 });
  });
  await assertComplains(
    server.url,
    /\/connector answered 404 instead of .*; its discovery document says version 3\.1\.0/,
  );
});

Deno.test("a server that speaks no common protocol version is named", async () => {
  await using real = await startServer();
  const tenant = await real.database.createTenant();
  await using server = startTarget(async (request) => {
    const { pathname, origin } = new URL(request.url);
    if (pathname === "/connector") {
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "relayserver.v1" });
      socket.onmessage = () => {
        const head = new TextEncoder().encode(
          '{"code":"version_unsupported","message":"This server speaks version 9"}',
        );
        const frame = new Uint8Array(22 + head.length);
        frame[0] = 14;
        frame[21] = head.length;
        frame.set(head, 22);
        socket.send(frame);
      };
      return response;
    }
    const { method, headers, body } = request;
    const answer = await fetch(real.url + pathname, { method, headers, body });
    return new Response((await answer.text()).replaceAll(real.url, origin), { headers: answer.headers });
  });
  await assertComplains(server.url, /This server speaks version 9; update the older one of the two/, { tenant });
});

Deno.test("wrong credentials are named, again and again, and the clock's part in it", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const wrong = { ...tenant, connectorSecret: "hunter2-wrong" };
  await assertComplains(server.url, /refused the tenant's credentials.*; check tenantName and tenantSecret$/, {
    tenant: wrong,
    count: 2,
  });
  await using late = startTarget(async (request) => {
    const { pathname } = new URL(request.url);
    const { method, headers, body } = request;
    const answer = await fetch(server.url + pathname, { method, headers, body });
    const text = (await answer.text()).replaceAll(server.url, new URL(request.url).origin);
    const date = new Date(Date.now() + 600_000).toUTCString();
    return new Response(text, { status: answer.status, headers: { "content-type": "application/json", date } });
  });
  await assertComplains(late.url, /; this machine's clock is 10 minutes behind the server's; check tenantName/, {
    tenant: wrong,
  });
});

Deno.test("each fault of a proxy is named, with the proxy and without its credentials", async () => {
  const faults: readonly (readonly [answer: string, complaint: RegExp])[] = [
    [
      "HTTP/1.1 403 No\r\n\r\n",
      /The proxy http:\/\/127\.0\.0\.1:\d+ refused the connection \(403\); have it allow CONNECT/,
    ],
    ["HTTP/1.1 407 No\r\n\r\n", /refused the credentials \(407\); check user and password in `proxy` or HTTPS_PROXY$/],
    ["HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", /answered with a page instead of a tunnel/],
    ["", /Cannot reach the proxy .*; check the address in `proxy`/],
  ];
  for (const [answer, complaint] of faults) {
    await using proxy = await startBrokenProxy(answer);
    const url = `https://relay-${crypto.randomUUID()}.test`;
    await assertComplains(url, complaint, { proxy: `http://user:hunter2@127.0.0.1:${proxy.port}`, count: 2 });
  }
});

Deno.test("a proxy that hangs is given up and named, and leaves no socket", async () => {
  await using proxy = await startBrokenProxy();
  await assertComplains("https://relay.hangs.test", /gave no answer within 10000 ms; check the proxy/, {
    proxy: proxy.url.href,
  });
  await proxy.left();
});

Deno.test("a proxy that cuts its connections costs a reconnect, no more", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await using proxy = await startTestProxy();
  await using connector = await makeConnector(server, tenant, {
    proxy: proxy.url.href,
    targets: { ping: { type: "ping" } },
  });
  connector.start();
  await server.connected(tenant);
  proxy.cut();
  await server.connected(tenant, 2);
  assert.equal((await server.relay(tenant, "ping")).status, 200);
  assert.deepEqual(new Set(proxy.asked), new Set([`127.0.0.1:${server.port}`]));
});

Deno.test({
  name: openssl.label("a certificate that has expired, is not valid yet, or is for another name is named as such"),
  ignore: openssl.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir();
    await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
    const program = openssl.path("openssl");
    const { caFile } = await makeCertificate(folder, program);
    const cases: readonly (readonly [from: string, to: string, host: string, complaint: RegExp])[] = [
      [
        "20200101000000Z",
        "20200201000000Z",
        "localhost",
        /the certificate of localhost expired on 2020-02-01; this machine's clock says 2/,
      ],
      [
        "20800101000000Z",
        "20810101000000Z",
        "localhost",
        /the certificate of localhost is not valid before 2080-01-01; this/,
      ],
      ["20200101000000Z", "20800101000000Z", "127.0.0.1", /does not match.*\(DNS:localhost\)/],
    ];
    for (const [index, [from, to, host, complaint]] of cases.entries()) {
      const [cert, key] = await Promise.all(
        (await makeCertificateOf(join(folder, String(index)), { openssl: program, caFolder: folder, from, to }))
          .map((file) => Deno.readTextFile(file)),
      );
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, cert: cert!, key: key!, onListen() {} },
        () => new Response(),
      );
      await assertComplains(`https://${host}:${server.addr.port}`, complaint, { caFile });
    }
  },
});

Deno.test({
  name: openssl.label("a proxy that is itself reached over TLS is checked against caFile as well"),
  ignore: openssl.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir();
    await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
    const { caFile, certFile, keyFile } = await makeCertificate(folder, openssl.path("openssl"));
    const [cert = "", key = ""] = await Promise.all([certFile, keyFile].map((file) => Deno.readTextFile(file)));
    await using proxy = await startTestProxy({ tls: { cert, key } });
    await using server = await startServer();
    const tenant = await server.database.createTenant();
    await using connector = await makeConnector(server, tenant, { proxy: `https://localhost:${proxy.port}`, caFile });
    connector.start();
    await server.connected(tenant);
    assert.deepEqual(new Set(proxy.asked), new Set([`127.0.0.1:${server.port}`]));
    await assertComplains(
      server.url,
      /Cannot reach the proxy https:\/\/localhost:\d+: .*certificate.*; put the certificate of the proxy's/,
      {
        proxy: `https://localhost:${proxy.port}`,
      },
    );
  },
});
