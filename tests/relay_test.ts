import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { Hono } from "hono";
import { RawServer } from "../connector/targets/testkit.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import type { TestServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";
import { startTarget } from "./testkit/target.ts";
import { connectTcp, headerValue, type RawResponse } from "./testkit/tcp.ts";

/** Sends a request byte for byte and reads the answer. `lines` follow the request line and `Host`. */
async function exchange(
  server: TestServer,
  requestLine: string,
  options: { readonly lines?: readonly string[]; readonly body?: string } = {},
): Promise<RawResponse> {
  const { lines = [], body = "" } = options;
  using client = await connectTcp(server.port);
  const head = [`${requestLine} HTTP/1.1`, `Host: 127.0.0.1:${server.port}`, ...lines].join("\r\n");
  await client.send(`${head}\r\n\r\n${body}`);
  return await client.readResponse({ method: requestLine.split(" ")[0]! });
}

/** A target that answers with the head it got, byte for byte. */
function startMirror(): Promise<RawServer> {
  return RawServer.start(async (connection) => {
    while (!connection.socket.destroyed) {
      const head = await Promise.race([connection.head(), connection.closed]);
      if (head !== undefined) connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${head.length}\r\n\r\n${head}`);
    }
  });
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** What the mirror got, as request line and header lines. */
function mirrored(response: RawResponse): { requestLine: string; headers: [name: string, value: string][] } {
  assert.equal(response.status, 200, latin1(response.body));
  const [requestLine = "", ...lines] = latin1(response.body).trimEnd().split("\r\n");
  const split = (line: string): [string, string] => {
    const colon = line.indexOf(": ");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
  };
  return { requestLine, headers: lines.map(split) };
}

Deno.test("an unknown tenant, target and route are 404, each with its own code", async () => {
  await using site = await startSite({ app: () => new Response("app") });
  const { server, tenant } = site;
  const cases = [
    [`/relay/no-such-tenant/app`, "tenant_unknown", "no-such-tenant"],
    [`/relay/${tenant.name}/no-such-target/x`, "target_unknown", "no-such-target"],
    [`/trace/${tenant.name}/no-such-target`, "target_unknown", "no-such-target"],
    [`/relay/${tenant.name}`, "not_found", tenant.name],
    [`/relay/${tenant.name}/`, "not_found", tenant.name],
    [`/relay`, "not_found", "relay"],
    [`/relayed/${tenant.name}/app`, "not_found", tenant.name],
    [`/<script>alert(1)</script>`, "not_found", "script"],
    [`/relay/<script>/app`, "tenant_unknown", "script"],
  ] as const;
  for (const [path, code, notEchoed] of cases) {
    await assertProblem(await exchange(server, `GET ${path}`), { status: 404, code, notEchoed: [notEchoed] });
  }
  await assertProblem(await exchange(server, `GET /relay/%zz/app`), { status: 400, code: "invalid_request" });
});

Deno.test("names are matched without regard to case, and the catch-all takes what no other target takes", async () => {
  const say = (text: string) => () => new Response(text);
  await using site = await startSite({ "App": say("app"), "*": say("any") });
  const { server, tenant } = site;
  for (const name of ["app", "App", "APP", "%41pp"]) {
    await assertAnswer(await server.relay(tenant, name), { text: "app" });
    await assertAnswer(await server.relay({ ...tenant, name: tenant.name.toUpperCase() }, name), { text: "app" });
  }
  await assertAnswer(await server.relay(tenant, "something/else"), { text: "any" });
});

Deno.test("path and query reach the target byte for byte", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: target.url, based: `${target.url}/base/` });
  const { server, tenant } = site;
  const paths = [
    ["", "/"],
    ["/", "/"],
    ["?", "/?"],
    ["?q=1", "/?q=1"],
    ["//a///b//", "//a///b//"],
    ["/%2F%2f/%41%e4%00", "/%2F%2f/%41%e4%00"],
    ["/a+b%20c?d+e%2B=%26", "/a+b%20c?d+e%2B=%26"],
    ["/x?a=/../b&c=?&d=%&e=[]{}|^`\"'<>&&==", "/x?a=/../b&c=?&d=%&e=[]{}|^`\"'<>&&=="],
    ["/a..b/...;x=1/.hidden", "/a..b/...;x=1/.hidden"],
    ["/http://elsewhere.example/", "/http://elsewhere.example/"],
  ] as const;
  for (const [sent, expected] of paths) {
    const direct = await exchange(server, `GET /relay/${tenant.name}/app${sent}`);
    assert.equal(mirrored(direct).requestLine, `GET ${expected} HTTP/1.1`);
    const based = await exchange(server, `GET /relay/${tenant.name}/based${sent}`);
    const below = sent.startsWith("/") ? sent : `/${sent}`;
    assert.equal(mirrored(based).requestLine, `GET /base${below} HTTP/1.1`);
  }
});

Deno.test("a path with a dot segment is refused, whatever its spelling, and never reaches the target", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: `${target.url}/base` });
  const { server, tenant } = site;
  const paths = ["/..", "/../admin", "/a/./b", "/%2e%2E/admin", "/.%2e", "/a\\..\\b", "/a%5c..%5Cb", "/a%2f..%2fb"];
  for (const path of [...paths, "/..;/admin", "/..?q"]) {
    const response = await exchange(server, `GET /relay/${tenant.name}/app${path}`);
    await assertProblem(response, { status: 400, code: "invalid_request", notEchoed: [path, "admin"] });
  }
  assert.equal(target.connections.length, 0);
});

Deno.test("a Host that is none, or another one than the target's, cannot move the path", async () => {
  await using site = await startSite({ app: () => new Response("app") });
  const { server, tenant } = site;
  using client = await connectTcp(server.port);
  await client.send(`GET /relay/${tenant.name}/app HTTP/1.1\r\nHost: h/relay/other/t?\r\n\r\n`);
  await assertProblem(await client.readResponse(), { status: 400, code: "invalid_request", notEchoed: ["other"] });
  const absolute = await exchange(server, `GET http://elsewhere.example/relay/${tenant.name}/app`);
  await assertProblem(absolute, { status: 400, code: "invalid_request", notEchoed: ["elsewhere"] });
});

Deno.test("every method reaches the target as it was written, but a known one in lower case", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: target.url });
  const { server, tenant } = site;
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "PURGE"]) {
    const response = await exchange(server, `${method} /relay/${tenant.name}/app`, { lines: ["Content-Length: 0"] });
    assert.equal(mirrored(response).requestLine, `${method} / HTTP/1.1`);
  }
  const lower = await exchange(server, `get /relay/${tenant.name}/app`);
  await assertProblem(lower, { status: 400, code: "invalid_request" });
});

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

Deno.test("an encoded body is not touched", async () => {
  const packed = gzipSync("packed ".repeat(1000));
  const seen: (string | null)[] = [];
  await using target = startTarget((request) => {
    seen.push(request.headers.get("accept-encoding"));
    return new Response(packed, { headers: { "content-encoding": "gzip", "content-type": "text/plain" } });
  });
  await using site = await startSite({ app: target.url });
  const lines = ["Accept-Encoding: gzip, br"];
  const response = await exchange(site.server, `GET /relay/${site.tenant.name}/app`, { lines });
  assert.deepEqual(response.body, new Uint8Array(packed));
  assert.equal(headerValue(response, "content-encoding"), "gzip");
  assert.equal(headerValue(response, "content-length"), String(packed.length));
  assert.deepEqual(seen, ["gzip, br"]);
});

Deno.test("HEAD, 204 and 304 have no body and keep their headers", async () => {
  await using target = await RawServer.start(async (connection) => {
    while (!connection.socket.destroyed) {
      const head = await Promise.race([connection.head(), connection.closed]);
      if (head === undefined) return;
      const status = /^HEAD/.test(head) ? 200 : Number(/^GET \/(\d+)/.exec(head)?.[1]);
      const length = status === 200 ? "Content-Length: 123\r\n" : "";
      connection.send(`HTTP/1.1 ${status} X\r\nETag: "e"\r\n${length}\r\n`);
    }
  });
  await using site = await startSite({ app: target.url });
  const { server, tenant } = site;
  const head = await exchange(server, `HEAD /relay/${tenant.name}/app/`);
  assert.deepEqual([head.status, headerValue(head, "content-length"), headerValue(head, "etag")], [200, "123", '"e"']);
  for (const status of [204, 304]) {
    // On one connection with a second request: a body that is not announced would show as garbage before its answer.
    using client = await connectTcp(server.port);
    for (let round = 0; round < 2; round++) {
      await client.send(`GET /relay/${tenant.name}/app/${status} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
      const response = await client.readResponse();
      assert.deepEqual([response.status, headerValue(response, "etag")], [status, '"e"']);
    }
  }
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
    "via": "1.0 before, 1.1 relayserver",
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
  const { headers } = mirrored(await exchange(server, `GET /relay/${tenant.name}/app`, { lines }));
  const value = (name: string) => headers.filter(([key]) => key === name).map(([, text]) => text).join(" | ");
  assert.equal(value("x-forwarded-for"), "6.6.6.6, 7.7.7.7, 127.0.0.1");
  assert.equal(value("x-forwarded-host"), "shop.example");
  assert.equal(value("x-forwarded-proto"), "https");
  assert.match(value("forwarded"), /^for=6\.6\.6\.6, for=127\.0\.0\.1;/);
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
  const { version: _, ...facts } = { version: 0, ...ofClient };
  assert.deepEqual(Object.keys(facts).sort(), [
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

Deno.test("a body above the limit is 413, whether its length is known or not", async () => {
  const read = async (request: Request) => new Response(String((await request.bytes()).length));
  await using site = await startSite({ app: read }, { inlineBodyLimit: "1KiB", maxBodySize: "100KiB" });
  const { server, tenant } = site;
  const post = (body: BodyInit) => server.relay(tenant, "app", { method: "POST", body });
  await assertAnswer(await post(new Uint8Array(102_400)), { text: "102400" });
  await assertProblem(await post(new Uint8Array(102_401)), { status: 413, code: "body_too_large" });

  const chunk = `1000\r\n${"x".repeat(4096)}\r\n`;
  for (const [count, isTaken] of [[25, true], [26, false]] as const) {
    const response = await exchange(server, `POST /relay/${tenant.name}/app`, {
      lines: ["Transfer-Encoding: chunked"],
      body: `${chunk.repeat(count)}0\r\n\r\n`,
    });
    if (isTaken) assert.equal(latin1(response.body), String(4096 * count));
    else await assertProblem(response, { status: 413, code: "body_too_large" });
  }
});

Deno.test("a client that stops sending its body gets 408, and the target's call ends", async () => {
  const ended = Promise.withResolvers<string>();
  const read = async (request: Request) => {
    await request.bytes().then(() => ended.resolve("complete"), () => ended.resolve("broken off"));
    return new Response("read");
  };
  const overrides = { inlineBodyLimit: "1KiB", limits: { bodyIdleTimeout: "200ms" } };
  await using site = await startSite({ app: read }, overrides);
  const { server, tenant } = site;
  const bodies = [
    ["Content-Length: 100", "less"],
    ["Content-Length: 100000", "less"],
    ["Transfer-Encoding: chunked", "4\r\nless\r\n"],
  ] as const;
  for (const [line, body] of bodies) {
    const response = await exchange(server, `POST /relay/${tenant.name}/app`, { lines: [line], body });
    await assertProblem(response, { status: 408, code: "request_timeout", notEchoed: ["less"] });
  }
  assert.equal(await ended.promise, "broken off");
});

Deno.test("a Hono application in the connector's process is a target", async () => {
  const app = new Hono()
    .get("/orders/:id", (context) => context.json({ id: context.req.param("id"), open: context.req.query("open") }))
    .post("/orders", async (context) => context.text(`took ${(await context.req.json()).item}`, 201));
  await using site = await startSite({ app: app.fetch });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app/orders/7?open=1"), { text: '{"id":"7","open":"1"}' });
  const posted = await server.relay(tenant, "app/orders", { method: "POST", body: '{"item":"pen"}' });
  await assertAnswer(posted, { status: 201, text: "took pen" });
  await assertAnswer(await server.relay(tenant, "app/nothing"), { status: 404, text: "404 Not Found" });
});

Deno.test("the built-in targets echo and ping answer", async () => {
  await using site = await startSite({ echo: { type: "echo" }, ping: { type: "ping" } });
  const { server, tenant } = site;
  const body = new Uint8Array(200_000).map((_, index) => index * 31);
  const headers = { "content-type": "application/x-bytes" };
  const echoed = await server.relay(tenant, "echo/x", { method: "PUT", body, headers });
  assert.equal(echoed.headers.get("content-type"), "application/x-bytes");
  assert.deepEqual(await echoed.bytes(), body);
  const answer = await (await server.relay(tenant, "ping")).json();
  assert.deepEqual([answer.status, answer.target], ["ok", "ping"]);
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

Deno.test("a target's own failures are its answers, without a RelayServer-Error", async () => {
  const fail = (request: Request) => new Response("mine", { status: Number(new URL(request.url).pathname.slice(1)) });
  await using site = await startSite({ app: fail });
  const { server, tenant } = site;
  for (const status of [400, 401, 404, 429, 500, 502, 503, 504, 599]) {
    await assertAnswer(await server.relay(tenant, `app/${status}`), { status, text: "mine" });
  }
});
