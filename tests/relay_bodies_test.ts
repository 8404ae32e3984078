/**
 * Bodies on their way to the target and back: what stays as it is, what has none, and what is too large or too slow.
 *
 * @module
 */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { RawServer } from "../connector/targets/testkit.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { startSite } from "./testkit/site.ts";
import { startTarget } from "./testkit/target.ts";
import { connectTcp, exchange, headerValue, latin1 } from "./testkit/tcp.ts";

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
