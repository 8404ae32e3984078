/**
 * What the keys of a target do, through the whole relay.
 *
 * @module
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startTestProxy } from "../shared/net/testing.ts";
import { makeCertificate, makeCertificateOf } from "./testkit/certificate.ts";
import { startConnector } from "./testkit/connector.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { startServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";
import { Gate, startTarget } from "./testkit/target.ts";

const openssl = await requireCommands(["openssl"], { requirement: "proxy" });

Deno.test("credentials go to the target, and replace the client's", async () => {
  await using target = startTarget((request) => new Response(request.headers.get("authorization")));
  await using site = await startSite({
    basic: { url: target.url, credentials: { basic: { username: "relay", password: "pässword" } } },
    bearer: { url: target.url, credentials: { bearer: "a-token" } },
    none: target.url,
  });
  const ask = (name: string) => site.server.relay(site.tenant, name, { headers: { Authorization: "Bearer client" } });
  await assertAnswer(await ask("basic"), { text: "Basic cmVsYXk6cMOkc3N3b3Jk" });
  await assertAnswer(await ask("bearer"), { text: "Bearer a-token" });
  await assertAnswer(await ask("none"), { text: "Bearer client" });
});

Deno.test("rewrite brings addresses and cookies of a target at its own root to the public path", async () => {
  await using target = startTarget(({ url }) => {
    const path = new URL(url).pathname;
    if (path === "/") {
      return new Response(null, {
        status: 302,
        headers: [["Location", "/home"], ["Set-Cookie", "session=1; Path=/; HttpOnly"], ["Set-Cookie", "b=2; Path=/b"]],
      });
    }
    return new Response(path, { headers: { "Content-Location": `${new URL(url).origin}/canonical` } });
  });
  await using site = await startSite({ app: { url: target.url, rewrite: true }, plain: target.url });
  const prefix = `/relay/${site.tenant.name}/app`;
  const redirect = await site.server.relay(site.tenant, "app/");
  assert.equal(redirect.headers.get("location"), `${prefix}/home`);
  assert.deepEqual(redirect.headers.getSetCookie(), [`session=1; Path=${prefix}; HttpOnly`, `b=2; Path=${prefix}/b`]);
  const followed = await site.server.relay(site.tenant, "app/", { redirect: "follow" });
  assert.equal(followed.headers.get("content-location"), `${prefix}/canonical`);
  await assertAnswer(followed, { text: "/home" });
  const plain = await site.server.relay(site.tenant, "plain/");
  assert.equal(plain.headers.get("location"), "/home");
  assert.deepEqual(plain.headers.getSetCookie(), ["session=1; Path=/; HttpOnly", "b=2; Path=/b"]);
});

Deno.test("rewrite knows the path below which a proxy shows the server", async () => {
  await using target = startTarget(() => new Response(null, { status: 302, headers: { Location: "/home" } }));
  const proxied = Promise.withResolvers<string>();
  await using proxy = startTarget(async (request) => {
    const { pathname, search } = new URL(request.url);
    if (request.headers.get("upgrade") !== null) return bridge(request, `${await proxied.promise}/connector`);
    const { method, body } = request;
    const address = `${await proxied.promise}${pathname.replace(/^\/tunnel/, "")}${search}`;
    return await fetch(address, { method, headers: request.headers, body, redirect: "manual" });
  });
  const publicUrl = `${proxy.url}/tunnel`;
  await using server = await startServer({ publicUrl });
  proxied.resolve(server.url);
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector({ url: publicUrl }, tenant, {
    targets: { app: { url: target.url, rewrite: true } },
  });
  const response = await fetch(`${publicUrl}/relay/${tenant.name}/app/`, { redirect: "manual" });
  assert.equal(response.headers.get("location"), `/tunnel/relay/${tenant.name}/app/home`);
});

/** Passes a WebSocket on. */
function bridge(request: Request, address: string): Response {
  const protocol = request.headers.get("sec-websocket-protocol") ?? "";
  const authorization = request.headers.get("authorization") ?? "";
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol });
  const upstream = new WebSocket(address.replace(/^http/, "ws"), {
    protocols: [protocol],
    headers: { authorization },
  });
  socket.binaryType = upstream.binaryType = "arraybuffer";
  const opened = new Promise<void>((resolve) => upstream.onopen = () => resolve());
  socket.onmessage = async ({ data }) => {
    await opened;
    upstream.send(data);
  };
  upstream.onmessage = ({ data }) => socket.send(data);
  upstream.onclose = () => socket.close();
  socket.onclose = () => upstream.close();
  return response;
}

Deno.test("maximumConcurrentRequests lets requests wait, and refuses with 503 what waits too long", async () => {
  const gate = new Gate();
  let running = 0;
  let most = 0;
  await using target = startTarget(async () => {
    most = Math.max(most, ++running);
    await gate.pass();
    running--;
    return new Response("done");
  });
  await using site = await startSite({
    patient: { url: target.url, maximumConcurrentRequests: 2 },
    hasty: { url: target.url, maximumConcurrentRequests: 1, timeout: "300ms" },
  });
  const patient = Array.from({ length: 6 }, () => site.server.relay(site.tenant, "patient"));
  await gate.reached;
  const hasty = [site.server.relay(site.tenant, "hasty"), site.server.relay(site.tenant, "hasty")];
  const statuses = await Promise.all(hasty.map(async (response) => {
    const { status, headers, body } = await response;
    await body?.cancel();
    return `${status} ${headers.get("relayserver-error")} ${headers.has("retry-after")}`;
  }));
  assert.deepEqual(statuses.sort(), ["503 overloaded true", "504 target_timeout false"]);
  assert.ok(most <= 3, `${most} at a time`);
  gate.open();
  for (const response of patient) await assertAnswer(await response, { text: "done" });
});

Deno.test("a health check shows at the server, in the log and in the connector's status, and recovers", async () => {
  let isWell = true;
  await using target = startTarget(() => new Response("", { status: isWell ? 200 : 500 }));
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const healthCheck = { interval: "100ms", unhealthyAfter: 1 };
  const name = `checked-${crypto.randomUUID()}`;
  await using connector = await startConnector(server, tenant, {
    targets: { [name]: { url: target.url, healthCheck }, other: { type: "ping" } },
  });
  await testLog.waitFor({ message: /is healthy$/, properties: { target: name } });
  isWell = false;
  await testLog.waitFor({ message: /is unhealthy: /, properties: { target: name, failure: "it answered 500" } });
  assert.equal(connector.targets()[0]?.health?.health, "unhealthy");
  const atServer = await testLog.waitFor({
    message: /serves the targets .* unhealthy/,
    properties: { tenant: tenant.name },
  });
  assert.deepEqual([atServer.properties.targets, atServer.properties.unhealthy], [[name, "other"], [name]]);
  // It is asked all the same.
  assert.equal((await server.relay(tenant, name)).status, 500);
  isWell = true;
  await testLog.waitFor({ message: /is healthy$/, properties: { target: name } }, { count: 2 });
  const later = { message: /serves the targets .* unhealthy/, properties: { tenant: tenant.name } };
  assert.deepEqual((await testLog.waitFor(later, { count: 2 })).properties.unhealthy, []);
});

Deno.test("500 targets are served and told in the status", async () => {
  await using target = startTarget((request) => new Response(new URL(request.url).pathname));
  const names = Array.from({ length: 500 }, (_, index) => `app-${index}`);
  const healthCheck = { interval: "1h" };
  const targets = Object.fromEntries(names.map((name) => [name, { url: `${target.url}/${name}`, healthCheck }]));
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  await using connector = await startConnector(server, tenant, { targets });
  assert.deepEqual(connector.targets().map(({ name }) => name), names);
  const answers = await Promise.all(names.map(async (name) => (await server.relay(tenant, `${name}/x`)).text()));
  assert.deepEqual(answers, names.map((name) => `/${name}/x`));
});

Deno.test({
  name: openssl.label("a target whose certificate has expired is not called, and the health check says why"),
  ignore: openssl.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir();
    await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
    const program = openssl.path("openssl");
    const { caFile } = await makeCertificate(folder, program);
    const validity = { from: "20200101000000Z", to: "20200201000000Z" };
    const files = await makeCertificateOf(join(folder, "old"), { openssl: program, caFolder: folder, ...validity });
    const [cert = "", key = ""] = await Promise.all(files.map((file) => Deno.readTextFile(file)));
    let calls = 0;
    const application = createServer({ cert, key }, (_request, response) => void response.end(String(++calls)));
    application.listen(0, "127.0.0.1");
    await once(application, "listening");
    await using _application = {
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void application.close(() => resolve())),
    };
    const url = `https://localhost:${(application.address() as AddressInfo).port}`;
    const name = `expired-${crypto.randomUUID()}`;
    const healthCheck = { unhealthyAfter: 1 };
    await using site = await startSite({ [name]: { url, tls: { caFile }, healthCheck } });
    const { properties } = await testLog.waitFor({ message: /is unhealthy: /, properties: { target: name } });
    assert.match(
      String(properties.failure),
      /the certificate of localhost expired on 2020-02-01; this machine's clock/,
    );
    await assertProblem(await site.server.relay(site.tenant, name), { status: 502, code: "target_unreachable" });
    assert.equal(calls, 0);
  },
});

Deno.test("a target is called directly, or through its own proxy", async () => {
  await using target = startTarget(() => new Response("reached"));
  await using proxy = await startTestProxy();
  await using site = await startSite({
    direct: target.url,
    none: { url: target.url, proxy: "none" },
    proxied: { url: target.url, proxy: proxy.url.href },
    broken: { url: target.url, proxy: "http://127.0.0.1:1" },
  });
  for (const name of ["direct", "none"]) {
    await assertAnswer(await site.server.relay(site.tenant, name), { text: "reached" });
  }
  assert.deepEqual(proxy.asked, []);
  await assertAnswer(await site.server.relay(site.tenant, "proxied", { method: "POST", body: "x" }), {
    text: "reached",
  });
  assert.deepEqual(proxy.asked, [`127.0.0.1:${target.port}`]);
  await assertProblem(await site.server.relay(site.tenant, "broken"), { status: 502, code: "target_unreachable" });
});

Deno.test("redirects go to the client, unless the target's configuration follows them", async () => {
  await using target = startTarget((request) =>
    new URL(request.url).pathname === "/from"
      ? new Response(null, { status: 302, headers: { location: "/to?x=1" } })
      : new Response(`at ${new URL(request.url).pathname}`)
  );
  await using site = await startSite({ app: target.url, following: { url: target.url, followRedirects: true } });
  const { server, tenant } = site;
  const passed = await server.relay(tenant, "app/from");
  assert.deepEqual([passed.status, passed.headers.get("location")], [302, "/to?x=1"]);
  await passed.body?.cancel();
  await assertAnswer(await server.relay(tenant, "following/from"), { text: "at /to" });
});

Deno.test("a timeout beyond what the server waits is warned of", async () => {
  await using server = await startServer({ requestExpiration: "30s" });
  const tenant = await server.database.createTenant();
  const name = `slow-${crypto.randomUUID()}`;
  await using _connector = await startConnector(server, tenant, {
    targets: { [name]: { type: "echo", timeout: "31s" }, quick: { type: "echo", timeout: "30s" } },
  });
  const { properties } = await testLog.waitFor({
    message: /is longer than the server waits/,
    properties: { target: name },
  });
  assert.deepEqual([properties.timeout, properties.requestExpiration], ["00:00:31", "00:00:30"]);
  assert.equal(testLog.find({ message: /is longer than/, properties: { target: "quick" } }).length, 0);
});

Deno.test({
  name: openssl.label(
    "a target that asks for a certificate gets the connector's own; without one, or unchecked, it says so",
  ),
  ignore: openssl.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir();
    await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
    const { caFile, certFile, keyFile } = await makeCertificate(folder, openssl.path("openssl"));
    const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map((file) => Deno.readTextFile(file)));
    const server = createServer(
      { ca, cert, key, requestCert: true, rejectUnauthorized: true },
      (_request, response) => {
        response.end("you are known");
      },
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `https://localhost:${(server.address() as AddressInfo).port}`;
    await using _server = {
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise<void>((resolve) => server.close(() => resolve()));
      },
    };
    const unchecked = `unchecked-${crypto.randomUUID()}`;
    await using site = await startSite({
      known: { url, tls: { caFile, certFile, keyFile } },
      unknown: { url, tls: { caFile } },
      untrusting: { url, tls: { certFile, keyFile } },
      [unchecked]: { url, tls: { certFile, keyFile, insecureSkipVerify: true } },
    });
    await assertAnswer(await site.server.relay(site.tenant, "known"), { text: "you are known" });
    await assertAnswer(await site.server.relay(site.tenant, unchecked), { text: "you are known" });
    await testLog.waitFor({ message: /without a check of its certificate/, properties: { target: unchecked } });
    for (const name of ["unknown", "untrusting"]) {
      await assertProblem(await site.server.relay(site.tenant, name), { status: 502, code: "target_unreachable" });
    }
  },
});
