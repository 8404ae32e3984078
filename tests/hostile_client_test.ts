import assert from "node:assert/strict";
import { connect } from "node:net";
import { RawServer } from "../connector/targets/testkit.ts";
import {
  type Head,
  HEADERS,
  HOSTS,
  INVALID,
  METHODS,
  PARSER,
  type Place,
  type Rows,
  TARGETS,
} from "./hostile_requests.ts";
import { assertProblem } from "./testkit/http.ts";
import { HOSTLESS_STATUS, type ListenerName, LISTENERS, OVERSIZED_HEAD, PARSER_REFUSAL } from "./testkit/listeners.ts";
import { mirrored, startMirror, valuesOf } from "./testkit/mirror.ts";
import { startServer } from "./testkit/server.ts";
import { type Site, startSite } from "./testkit/site.ts";
import { connectTcp, headerValue, type RawResponse } from "./testkit/tcp.ts";

/** Sends a head and reads the answer. */
async function send(port: number, head: Head, rest = ""): Promise<RawResponse> {
  using client = await connectTcp(port);
  await client.send([...head, "", ""].join("\r\n") + rest);
  return await client.readResponse({ method: head[0]!.split(" ")[0]! });
}

function placeOf({ server, tenant }: Site): Place {
  const authority = `127.0.0.1:${server.port}`;
  return { authority, host: `Host: ${authority}`, tenant: tenant.name, path: `/relay/${tenant.name}/app` };
}

async function assertRefused(response: RawResponse, expected: string, notEchoed: readonly string[] = []) {
  const [status = "", code] = expected.split(" ");
  if (code !== undefined) return await assertProblem(response, { status: Number(status), code, notEchoed });
  assert.equal(response.status, Number(status));
  assert.equal(response.body.length, 0);
}

/** Sends rows to a server, each on a connection of its own; none may reach the target. */
async function refuseRows(listener: ListenerName, rows: Rows): Promise<void> {
  await using target = await startMirror();
  await using site = await startSite({ "app": target.url, "*": target.url }, { listener });
  const place = placeOf(site);
  for (const [name, [head, expected]] of Object.entries(rows)) {
    const response = await send(site.server.port, head(place));
    try {
      await assertRefused(response, expected === PARSER ? PARSER_REFUSAL[listener] : expected);
    } catch (cause) {
      throw new Error(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
  assert.equal(target.connections.length, 0);
  mirrored(await send(site.server.port, [`GET ${place.path} HTTP/1.1`, place.host]));
}

for (const listener of LISTENERS) {
  Deno.test(`${listener}: a Host that is no host is refused, wherever it points`, () => refuseRows(listener, HOSTS));

  Deno.test(`${listener}: a request target that names no target exactly reaches none`, () =>
    refuseRows(listener, TARGETS));

  Deno.test(`${listener}: methods and versions that are not relayed are refused`, () => refuseRows(listener, METHODS));

  Deno.test(`${listener}: a malformed header is refused`, () => refuseRows(listener, HEADERS));

  Deno.test(`${listener}: what looks odd but is well-formed is relayed as it is`, async () => {
    await using target = await startMirror();
    await using site = await startSite({ app: target.url }, { listener });
    const { authority, host, tenant, path } = placeOf(site);
    const heads: readonly (readonly [head: Head, requestLine: string])[] = [
      [[`GET http://${authority}${path}/x HTTP/1.1`, host], "GET /x"],
      [[`GET HTTP://${authority}${path}/x HTTP/1.1`, host], "GET /x"],
      [[`GET ${path}/x HTTP/1.1`, "Host: [::1]:80"], "GET /x"],
      [[`GET ${path}/x HTTP/1.1`, "Host: EXAMPLE.com."], "GET /x"],
      [[`GET ${path}/x HTTP/1.0`], "GET /x"],
      [[`GET /relay/${tenant.toUpperCase()}/%61pp/x HTTP/1.1`, host], "GET /x"],
      [[`TRACE ${path}/x HTTP/1.1`, host], "TRACE /x"],
      [[`PROPFIND ${path}/x HTTP/1.1`, host], "PROPFIND /x"],
      [[`GET ${path}/%252e%252e/%25%32%66 HTTP/1.1`, host], "GET /%252e%252e/%25%32%66"],
      [[`GET ${path}//evil.example/x HTTP/1.1`, host], "GET //evil.example/x"],
      [[`GET ${path}/http://evil/ HTTP/1.1`, host], "GET /http://evil/"],
      [[`GET ${path}/%00%0d%0aX:%201 HTTP/1.1`, host], "GET /%00%0d%0aX:%201"],
      [[`GET ${path}/?../..&%2e%2e/ HTTP/1.1`, host], "GET /?../..&%2e%2e/"],
    ];
    for (const [head, requestLine] of heads) {
      assert.equal(mirrored(await send(site.server.port, head)).requestLine, `${requestLine} HTTP/1.1`);
    }
  });

  Deno.test(`${listener}: a request without a Host names nobody else's`, async () => {
    await using target = await startMirror();
    await using site = await startSite({ app: target.url }, { listener });
    const { path } = placeOf(site);
    for (const lines of [[], ["Host:"], ["Host: \t "]]) {
      const response = await send(site.server.port, [`GET ${path} HTTP/1.1`, ...lines]);
      assert.equal(response.status, HOSTLESS_STATUS[listener]);
      if (response.status !== 200) continue;
      assert.equal(valuesOf(mirrored(response), "x-forwarded-host"), `localhost:${site.server.port}`);
    }
  });

  Deno.test(`${listener}: a path that could leave the target's base URL is 400, in every spelling`, async () => {
    await using target = await startMirror();
    await using site = await startSite({ app: target.url }, { listener });
    const { host, path } = placeOf(site);
    const separators = ["/", "\\", "%2f", "%2F", "%5c", "%5C"];
    const dots = [".", "..", "%2e", "%2E", ".%2e", "%2e.", "%2e%2E"];
    const ends = ["", "/x", "\\x", "%2fx", "%5cx", ";/x", ";a=b", "?x"];
    const refused = separators.flatMap((separator) =>
      dots.flatMap((dot) => ends.map((end) => `/a${separator}${dot}${end}`))
    );
    using client = await connectTcp(site.server.port);
    for (const tail of [...refused, "/..", "/%2e%2e%5c", "/..;/", "/../../../../etc/passwd"]) {
      await client.send(`GET ${path}${tail} HTTP/1.1\r\n${host}\r\n\r\n`);
      await assertProblem(await client.readResponse(), { status: 400, code: "invalid_request", notEchoed: ["passwd"] });
    }
    assert.equal(target.connections.length, 0);
  });

  Deno.test(`${listener}: names that cannot exist are 404 and never come back`, async () => {
    await using site = await startSite({ "*": () => new Response("catch-all") }, { listener });
    const { host, tenant } = placeOf(site);
    const names = [
      "%00",
      "a%00b",
      "a%0d%0aSet-Cookie:%20a=b",
      "%F0%9F%92%A9",
      // Bytes above ASCII are no request target; `native` lets them through where they are UTF-8.
      ...(listener === "native" ? ["\xF0\x9F\x92\xA9"] : []),
      "%E2%80%AEgpj.exe",
      "<script>alert(1)</script>".replace("/", "%2f"),
      "%22%7D,%22status%22:200,%22x%22:%7B%22",
      "'%20OR%201=1--",
      "__proto__%20",
      "..%2f..%2fx",
      "$%7Bjndi:ldap%7D",
      "a".repeat(101),
      "a".repeat(30_000),
    ];
    for (const name of names) {
      const notEchoed = [name, decodeURIComponent(escape(name)), name.slice(0, 60)];
      const asTenant = await send(site.server.port, [`GET /relay/${name}/app HTTP/1.1`, host]);
      await assertRefused(asTenant, "404 tenant_unknown", notEchoed);
      const asTarget = await send(site.server.port, [`GET /relay/${tenant}/${name}/x HTTP/1.1`, host]);
      await assertRefused(asTarget, "404 target_unknown", notEchoed);
    }
    for (const name of ["%", "%zz", "%f", "%ff", "%ED%A0%80", "%C0%AF"]) {
      const response = await send(site.server.port, [`GET /relay/${tenant}/${name} HTTP/1.1`, host]);
      await assertRefused(response, INVALID, [name]);
    }
    for (const name of ["__proto__", "constructor", "toString", "a".repeat(100)]) {
      await assertRefused(await send(site.server.port, [`GET /relay/${name}/x HTTP/1.1`, host]), "404 tenant_unknown", [
        name,
      ]);
      assert.equal((await send(site.server.port, [`GET /relay/${tenant}/${name} HTTP/1.1`, host])).status, 200);
    }
  });

  Deno.test(`${listener}: a head that is too large is refused, and one below is not`, async () => {
    await using target = await startMirror();
    await using site = await startSite({ app: target.url }, { listener });
    const { host, path } = placeOf(site);
    const line = (sizeBytes: number) => `X: ${"a".repeat(sizeBytes)}`;
    mirrored(await send(site.server.port, [`GET ${path} HTTP/1.1`, host, line(14_000)]));
    mirrored(await send(site.server.port, [`GET ${path} HTTP/1.1`, host, ...Array(100).fill("X: 1")]));
    const large = [
      [`GET ${path} HTTP/1.1`, host, line(70_000)],
      [`GET ${path}/${"a".repeat(70_000)} HTTP/1.1`, host],
      [`GET ${path} HTTP/1.1`, host, ...Array(20_000).fill("X: 1")],
    ];
    for (const head of large) {
      await assertRefused(await send(site.server.port, head), OVERSIZED_HEAD[listener]);
    }
    mirrored(await send(site.server.port, [`GET ${path} HTTP/1.1`, host]));
  });

  Deno.test(`${listener}: RelayServer headers and protected ones cannot be made up, doubled or removed`, async () => {
    await using target = await startMirror();
    await using site = await startSite({ app: target.url }, { listener });
    const { host, path } = placeOf(site);
    const lines = [
      "RelayServer-RequestId: made-up",
      "RELAYSERVER-REDELIVERED: 9",
      "relayserver-AcknowledgeUrl: http://evil",
      "RelayServer-Made-Up: 1",
      "Connection: host, x-forwarded-for, forwarded, via, authorization, relayserver-requestid, X-Gone",
      "X-Gone: 1",
      "Authorization: kept",
      "X-Forwarded-For: 6.6.6.6",
    ];
    const got = mirrored(await send(site.server.port, [`GET ${path} HTTP/1.1`, host, ...lines]));
    const own = got.headers.filter(([name]) => name.startsWith("relayserver-"));
    assert.deepEqual(own.map(([name]) => name), ["relayserver-requestid"]);
    assert.match(own[0]![1], /^[0-9a-f-]{36}$/);
    assert.deepEqual(
      ["authorization", "x-gone", "x-forwarded-for", "via"].map((name) => valuesOf(got, name)),
      ["kept", "", "127.0.0.1", "1.1 relayserver"],
    );
  });

  Deno.test(`${listener}: a request hidden behind another one's end is not taken for part of it`, async () => {
    const heads: string[] = [];
    await using target = await RawServer.start(async (connection) => {
      while (!connection.socket.destroyed) {
        const head = await Promise.race([connection.head(), connection.closed]);
        if (head === undefined) return;
        heads.push(head.split("\r\n")[0]!);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }
    });
    await using site = await startSite({ app: target.url }, { listener });
    const { host, path } = placeOf(site);
    const hidden = `GET ${path}/hidden HTTP/1.1\r\n${host}\r\n\r\n`;
    const framings: readonly (readonly [lines: readonly string[], expected: string])[] = [
      [["Content-Length: 5", "Transfer-Encoding: chunked"], PARSER],
      [["Content-Length: 5", "Content-Length: 6"], PARSER],
      [["Content-Length: 0", "Content-Length: 0"], INVALID],
      [["Content-Length: -5"], PARSER],
      [["Content-Length: +5"], PARSER],
      [["Content-Length: 0x5"], PARSER],
      [["Content-Length: 5 5"], PARSER],
      [["Content-Length: 9999999999999999"], INVALID],
      [["Transfer-Encoding: xchunked"], PARSER],
      [["Transfer-Encoding: chunked, identity"], PARSER],
      [["Transfer-Encoding: identity"], PARSER],
      [["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], PARSER],
      [["Transfer-Encoding : chunked"], PARSER],
    ];
    for (const [lines, expected] of framings) {
      const response = await send(site.server.port, [`POST ${path} HTTP/1.1`, host, ...lines], `0\r\n\r\n${hidden}`);
      assert.equal(
        `${response.status} ${headerValue(response, "relayserver-error") ?? ""}`.trim(),
        expected === PARSER ? PARSER_REFUSAL[listener] : expected,
        lines.join(),
      );
    }
    assert.deepEqual(heads, []);
  });
}

/** Asks for something on a connection, and resets it while the answer is on its way. */
async function ask(port: number, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => socket.write(text, () => socket.resetAndDestroy()));
  socket.on("error", () => {}).on("close", () => resolve());
  await promise;
}

for (const listener of LISTENERS) {
  Deno.test(`${listener}: clients that reset their connections end nobody else's`, async () => {
    await using server = await startServer({ listener });
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket";
    for (const first of ["CONNECT a:1 HTTP/1.1", `GET /relay/a/b HTTP/1.1\r\n${upgrade}`, "GET /relay/a/b HTTP/1.1"]) {
      // What nobody reads makes it a reset for the server, too.
      for (let count = 0; count < 30; count++) {
        await ask(server.port, `${first}\r\nHost: a\r\n\r\n${"x".repeat(20_000)}`);
      }
    }
    const response = await fetch(`${server.url}/health/live`);
    await response.body?.cancel();
    assert.equal(response.status, 200);
  });
}
