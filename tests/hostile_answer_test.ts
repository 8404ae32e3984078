import assert from "node:assert/strict";
import { RawServer } from "../connector/targets/testkit.ts";
import { FLAG_MORE, FrameType } from "../shared/protocol/frame.ts";
import { within } from "./testkit/deadline.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { DataFolder, startServerProcess } from "./testkit/programs.ts";
import { fetchToken } from "./testkit/http.ts";
import { RawConnector } from "./testkit/raw_connector.ts";
import { startServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";
import { connectTcp, headerValue } from "./testkit/tcp.ts";

const GARBLED = { status: 502, code: "target_invalid_response" };

/** Header lines that HTTP cannot carry. Deno's server would end the process on some of them. */
const FORBIDDEN_LINES: readonly (readonly [name: string, value: string])[] = [
  ...[0, 1, 8, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x1b, 0x1f, 0x7f, 0x100, 0x2028, 0xd800, 0x1f4a9].map((character) =>
    ["X-Value", `a${String.fromCodePoint(character)}b`] as const
  ),
  ["X-Split", "a\r\nInjected: 1"],
  ["X-Split", "a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
  ["Set-Cookie", "a=b\nSet-Cookie: c=d"],
  ["Content-Type", "text/html\x01"],
  ["X-Split: a\r\nInjected", "1"],
  ["X Space", "1"],
  ["X-Colon:", "1"],
  ["", "1"],
  ["X-\u00fc", "1"],
  ["X-\0", "1"],
];

Deno.test("a response head with forbidden characters is 502, and the server's process lives on", async () => {
  await using folder = await DataFolder.create();
  for (const listener of LISTENERS) {
    await using server = await startServerProcess(folder, { listener });
    const tenant = await folder.database.createTenant();
    const credentials = { clientId: tenant.name, clientSecret: tenant.connectorSecret };
    using connector = await RawConnector.connect(server.url, { token: await fetchToken(server.url, credentials) });
    for (const line of FORBIDDEN_LINES) {
      for (const flags of [0, FLAG_MORE]) {
        const response = server.relay(tenant, "raw");
        const { id } = await connector.next(FrameType.request);
        const payload = new TextEncoder().encode("body");
        connector.send(FrameType.response, id, { flags, head: { status: 200, headers: [line] }, payload });
        await assertProblem(await response, { ...GARBLED, notEchoed: ["Injected"] });
        // Nobody reads the rest: the connector is told so.
        if (flags === FLAG_MORE) assert.equal((await connector.next(FrameType.cancel)).id, id);
      }
    }
    const response = server.relay(tenant, "raw");
    connector.respond((await connector.next(FrameType.request)).id, "fine");
    await assertAnswer(await response, { text: "fine" });
  }
});

for (const listener of LISTENERS) {
  Deno.test(`${listener}: a connector cannot frame an answer itself`, async () => {
    await using server = await startServer({ listener });
    const tenant = await server.database.createTenant();
    using connector = await RawConnector.connect(server.url, { token: await server.token(tenant, "connector") });
    const framings: readonly (readonly (readonly [name: string, value: string])[])[] = [
      [["Content-Length", "1"]],
      [["Content-Length", "100"]],
      [["content-length", "1"], ["Content-Length", "2"]],
      [["Content-Length", "1e3"]],
      [["Transfer-Encoding", "chunked"]],
      [["Transfer-Encoding", "gzip, chunked"], ["Content-Length", "0"]],
      [["Connection", "close, content-length"], ["Upgrade", "h2c"], ["Trailer", "X"]],
    ];
    using client = await connectTcp(server.port);
    for (const headers of framings) {
      await client.send(`GET /relay/${tenant.name}/raw HTTP/1.1\r\nHost: x\r\n\r\n`);
      const { id } = await connector.next(FrameType.request);
      connector.send(FrameType.response, id, { head: { status: 200, headers }, payload: new Uint8Array([104, 105]) });
      const response = await client.readResponse();
      assert.equal(new TextDecoder().decode(response.body), "hi", JSON.stringify(headers));
      for (const name of ["upgrade", "trailer"]) assert.equal(headerValue(response, name), undefined);
    }
  });

  Deno.test(`${listener}: a length of a body that is not there is one number or 502`, async () => {
    await using server = await startServer({ listener });
    const tenant = await server.database.createTenant();
    using connector = await RawConnector.connect(server.url, { token: await server.token(tenant, "connector") });
    using client = await connectTcp(server.port);
    for (const values of [["5"], ["5", "5"], ["5, 5"], ["-1"], ["x"], [""]]) {
      await client.send(`HEAD /relay/${tenant.name}/raw HTTP/1.1\r\nHost: x\r\n\r\n`);
      const { id } = await connector.next(FrameType.request);
      const headers = values.map((value) => ["Content-Length", value]);
      connector.send(FrameType.response, id, { head: { status: 200, headers } });
      const response = await client.readResponse({ method: "HEAD" });
      assert.equal(response.status, values.join() === "5" ? 200 : 502, values.join());
      if (response.status === 200) assert.equal(headerValue(response, "content-length"), "5");
    }
  });

  Deno.test(`${listener}: what a connector says of itself and of an error is data, never markup or a header`, async () => {
    await using server = await startServer({ listener });
    const tenant = await server.database.createTenant({ enableTracing: true });
    using connector = await RawConnector.open(server.url, { token: await server.token(tenant, "connector") });
    connector.hello({ connector: { version: "1\r\nInjected: 1", machineName: "\x00<b>\u{1f4a9}" } });
    await connector.next(FrameType.welcome);
    const traced = server.relay(tenant, "raw");
    const trace = { targetStart: "now\r\nInjected: 1", targetDurationMs: 1 };
    connector.send(FrameType.response, (await connector.next(FrameType.request)).id, {
      head: { status: 200, headers: [], trace },
    });
    const { headers, body } = await traced;
    await body?.cancel();
    assert.equal(headers.get("injected"), null);
    assert.equal(headers.get("relayserver-connector-version"), "1??Injected: 1");
    const failed = server.relay(tenant, "raw");
    connector.send(FrameType.error, (await connector.next(FrameType.request)).id, {
      head: { code: "target_unreachable", message: '"}<script>\r\n\r\n\u2028' },
    });
    const response = await failed;
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.equal((await response.json()).detail, '"}<script>\r\n\r\n\u2028');
  });

  Deno.test(`${listener}: a target cannot split its response, whatever it writes`, async () => {
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
    const answers: Readonly<Record<string, string>> = {
      "a carriage return": `${head}X: a\rInjected: 1\r\n\r\nok`,
      "a control character": `${head}X: a\x01b\r\n\r\nok`,
      "a NUL": `${head}X: a\0b\r\n\r\nok`,
      "a space in a name": `${head}X Y: 1\r\n\r\nok`,
      "two lengths": `${head}Content-Length: 3\r\n\r\nok!`,
      "a length and chunks": `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
      "a negative length": "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
      "status 99": "HTTP/1.1 99 Odd\r\nContent-Length: 2\r\n\r\nok",
      "status 600": "HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok",
      "a flood of headers": `${head}${"X: 1\r\n".repeat(50_000)}\r\nok`,
      "an endless header": `${head}X: ${"a".repeat(200_000)}\r\n\r\nok`,
    };
    await using target = await RawServer.start(async (connection) => {
      const name = /^GET \/(\S*)/.exec(await connection.head())?.[1] ?? "";
      connection.send(answers[decodeURIComponent(name)]!);
    });
    await using site = await startSite({ web: target.url }, { listener });
    for (const name of Object.keys(answers)) {
      const response = await site.server.relay(site.tenant, `web/${encodeURIComponent(name)}`);
      assert.equal(response.headers.get("injected"), null);
      await assertProblem(response, GARBLED).catch((cause) => {
        throw new Error(`${name}: ${cause.message}`, { cause });
      });
    }
  });

  Deno.test(`${listener}: bytes behind a target's answer are no answer to the next request`, async () => {
    await using target = await RawServer.start(async (connection) => {
      await connection.head();
      const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
      connection.send(`${answer}ok${answer}no`);
      await connection.head();
      connection.send(`${answer}ok`);
    });
    await using site = await startSite({ web: target.url }, { listener });
    for (let index = 0; index < 5; index++) {
      await assertAnswer(await site.server.relay(site.tenant, "web"), { text: "ok" });
    }
  });

  Deno.test(`${listener}: a target that answers for ever ends when its client leaves`, async () => {
    await using target = await RawServer.start(async (connection) => {
      await connection.head();
      connection.send("HTTP/1.1 200 OK\r\n\r\n");
      const piece = "x".repeat(65_536);
      while (!connection.socket.destroyed) {
        const isTaken = connection.socket.write(piece);
        if (!isTaken) {
          await Promise.race([new Promise((next) => connection.socket.once("drain", next)), connection.closed]);
        }
      }
    });
    await using site = await startSite({ web: target.url }, { listener });
    using client = await connectTcp(site.server.port);
    await client.send(`GET /relay/${site.tenant.name}/web HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.readHead();
    await client.readBytes(1 << 20);
    client.close();
    await within(target.connections[0]!.closed, { timeoutMs: 5000, what: "the end of the target's call" });
  });

  Deno.test(`${listener}: a target that falls silent in its answer is given up after streamIdleTimeout`, async () => {
    await using target = await RawServer.start(async (connection) => {
      await connection.head();
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegin");
    });
    await using site = await startSite({ web: target.url }, { listener, streamIdleTimeout: "200ms" });
    using client = await connectTcp(site.server.port);
    await client.send(`GET /relay/${site.tenant.name}/web HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal((await client.readHead()).status, 200);
    await assert.rejects(client.readBytes(100_000), /ended|reset/i);
    await within(target.connections[0]!.closed, { timeoutMs: 5000, what: "the end of the target's call" });
  });

  Deno.test(`${listener}: a client that stops reading is given up after streamIdleTimeout`, async () => {
    await using target = await RawServer.start(async (connection) => {
      await connection.head();
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${1 << 26}\r\n\r\n`);
      connection.send("x".repeat(1 << 26));
    });
    await using site = await startSite({ web: target.url }, { listener, streamIdleTimeout: "200ms" });
    using client = await connectTcp(site.server.port);
    await client.send(`GET /relay/${site.tenant.name}/web HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal((await client.readHead()).status, 200);
    await within(target.connections[0]!.closed, { timeoutMs: 5000, what: "the end of the target's call" });
    await assert.rejects(client.readBytes(1 << 26), /ended|reset/i);
  });
}
