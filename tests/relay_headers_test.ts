/**
 * Header lines on their way to the target and back: which stay, which are replaced, and which the relay adds.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RawServer } from "../connector/targets/testkit.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { mirrored, startMirror, valuesOf } from "./testkit/mirror.ts";
import { startSite } from "./testkit/site.ts";
import { exchange, headerValue, latin1 } from "./testkit/tcp.ts";

Deno.test("repeated headers stay apart, and their bytes stay as they are", async () => {
  await using target = await RawServer.start(async (connection) => {
    const head = await connection.head();
    const received = head.split("\r\n").filter((line) => /^(x-|cookie)/i.test(line)).join("|").toLowerCase();
    connection.send(
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nX-Twice: 1\r\nset-cookie: b=2\r\nX-Twice: 2\r\n" +
        `X-Byte: \u00e4\u00ff\r\nContent-Length: ${received.length}\r\n\r\n${received}`,
    );
  });
  await using site = await startSite({ app: target.url });
  const { server, tenant } = site;
  const lines = ["X-Twice: 1", "X-Byte: \u00e4\u00ff", "X-Twice: 2", "Cookie: a=1", "Cookie: b=2"];
  const response = await exchange(server, `GET /relay/${tenant.name}/app`, { lines });
  const values = (name: string) => response.headers.filter(([key]) => key.toLowerCase() === name).map(([, v]) => v);
  assert.deepEqual(values("set-cookie"), ["a=1; Path=/", "b=2"]);
  assert.deepEqual(values("x-twice"), ["1", "2"]);
  assert.deepEqual(values("x-byte"), ["\u00e4\u00ff"]);
  const received = latin1(response.body).split("|").filter((line) => !line.startsWith("x-forwarded")).sort();
  assert.deepEqual(received, ["cookie: a=1", "cookie: b=2", "x-byte: \u00e4\u00ff", "x-twice: 1", "x-twice: 2"]);
});

Deno.test("forwarding headers of a stranger are replaced", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: target.url });
  const { server, tenant } = site;
  const lines = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: https",
    "Forwarded: for=6.6.6.6",
    "Via: 1.0 before",
  ];
  const { headers } = mirrored(await exchange(server, `GET /relay/${tenant.name}/app`, { lines }));
  const forwarding = headers.filter(([name]) => /^x-forwarded|^forwarded$|^via$/.test(name));
  const host = `127.0.0.1:${server.port}`;
  assert.deepEqual(Object.fromEntries(forwarding), {
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": host,
    "x-forwarded-proto": "http",
    "forwarded": `for=127.0.0.1;host="${host}";proto=http`,
    "via": "1.1 relayserver",
  });
  assert.equal(forwarding.length, 5);
  assert.deepEqual(headers.filter(([name]) => name === "host"), [["host", new URL(target.url).host]]);
});

Deno.test("forwarding headers of a trusted proxy are extended", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: target.url }, { trustedProxies: ["127.0.0.0/8"] });
  const { server, tenant } = site;
  const lines = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-For: 7.7.7.7",
    "X-Forwarded-Host: shop.example",
    "X-Forwarded-Proto: https",
    "Forwarded: for=6.6.6.6",
  ];
  const got = mirrored(await exchange(server, `GET /relay/${tenant.name}/app`, { lines }));
  assert.equal(valuesOf(got, "x-forwarded-for"), "6.6.6.6, 7.7.7.7, 127.0.0.1");
  assert.equal(valuesOf(got, "x-forwarded-host"), "shop.example");
  assert.equal(valuesOf(got, "x-forwarded-proto"), "https");
  assert.match(valuesOf(got, "forwarded"), /^for=6\.6\.6\.6, for=127\.0\.0\.1;/);
});

Deno.test("neither side can make up a RelayServer header, nor pass on what concerns one connection", async () => {
  const made = "RelayServer-Made-Up: yes\r\nRelayServer-Error: internal_error\r\nRelayServer-RequestId: 1\r\n";
  const heads: string[] = [];
  await using target = await RawServer.start(async (connection) => {
    heads.push(await connection.head());
    connection.send(
      `HTTP/1.1 200 OK\r\n${made}Connection: X-Mine, close\r\nX-Mine: 1\r\nKeep-Alive: timeout=9\r\n` +
        "Proxy-Authenticate: Basic\r\nX-Other: 2\r\nContent-Length: 2\r\n\r\nok",
    );
  });
  await using site = await startSite({ app: target.url });
  const lines = [...made.trimEnd().split("\r\n"), "Connection: X-Mine", "X-Mine: 1", "TE: trailers", "X-Other: 2"];
  const response = await exchange(site.server, `GET /relay/${site.tenant.name}/app`, { lines });
  const names = response.headers.map(([name]) => name.toLowerCase()).filter((name) => /relay|mine|proxy/.test(name));
  assert.deepEqual(names, []);
  assert.notEqual(headerValue(response, "keep-alive"), "timeout=9");
  assert.equal(headerValue(response, "x-other"), "2");
  const [head = ""] = heads;
  assert.doesNotMatch(head, /made-up|relayserver-error|x-mine|^te:/im);
  assert.doesNotMatch(head, /^relayserver-requestid: 1\r/im);
  assert.match(head, /^x-other: 2\r/im);
});

Deno.test("/trace adds the tracing headers to both sides, and /relay does not", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: target.url });
  const { server, tenant } = site;
  const response = await exchange(server, `GET /trace/${tenant.name}/app/x`);
  const ofTarget = Object.fromEntries(mirrored(response).headers.filter(([name]) => name.startsWith("relayserver-")));
  const ofClient = Object.fromEntries(
    response.headers.map(([name, value]) => [name.toLowerCase(), value]).filter(([name]) =>
      name!.startsWith("relayserver-")
    ),
  );
  const requestId = ofClient["relayserver-requestid"];
  const originId = ofClient["relayserver-requestoriginid"];
  assert.match(`${requestId} ${originId}`, /^[0-9a-f-]{36} [0-9a-f-]{36}$/);
  assert.deepEqual(ofTarget, { "relayserver-requestid": requestId, "relayserver-requestoriginid": originId });
  assert.deepEqual(Object.keys(ofClient).sort(), [
    "relayserver-acknowledgeoriginid",
    "relayserver-connector-machinename",
    "relayserver-connector-version",
    "relayserver-requestid",
    "relayserver-requestoriginid",
    "relayserver-server-machinename",
    "relayserver-server-version",
    "relayserver-targetduration",
    "relayserver-targetstart",
  ]);
  assert.match(ofClient["relayserver-targetduration"]!, /^00:00:0\d\.\d+$/);
  assert.ok(Math.abs(Date.parse(ofClient["relayserver-targetstart"]!) - Date.now()) < 60_000);

  const plain = await exchange(server, `GET /relay/${tenant.name}/app/x`);
  assert.deepEqual(plain.headers.filter(([name]) => /^relayserver-/i.test(name)), []);
});

Deno.test("a tenant with tracing is traced on /relay too, and /trace can be turned off", async () => {
  await using site = await startSite({ app: () => new Response("app") }, { traceEndpoint: false });
  const { server, tenant } = site;
  await assertProblem(await exchange(server, `GET /trace/${tenant.name}/app`), { status: 404, code: "not_found" });
  await server.database.updateTenant(tenant.id, { enableTracing: true });
  const response = await server.relay(tenant, "app");
  assert.match(response.headers.get("relayserver-targetstart") ?? "", /^\d{4}-/);
  await response.body?.cancel();
});

Deno.test("a target's own failures are its answers, without a RelayServer-Error", async () => {
  const fail = (request: Request) => new Response("mine", { status: Number(new URL(request.url).pathname.slice(1)) });
  await using site = await startSite({ app: fail });
  const { server, tenant } = site;
  for (const status of [400, 401, 404, 429, 500, 502, 503, 504, 599]) {
    await assertAnswer(await server.relay(tenant, `app/${status}`), { status, text: "mine" });
  }
});
