import assert from "node:assert/strict";
import type { HeaderLines } from "../../shared/http/message.ts";
import { answering, bytes, RawServer, relayRequest, targetContext, textOf } from "./testkit.ts";
import { WebTarget } from "./web.ts";

const SECRETS: HeaderLines = [["Authorization", "a"], ["Cookie", "c"], ["RelayServer-AcknowledgeUrl", "u"], [
  "X-Kept",
  "k",
]];

/** A server whose `/start` redirects and whose other paths answer with the request's method, path and body. */
function redirecting(status: number, location: string): Promise<RawServer> {
  return RawServer.start(async (connection) => {
    while (!connection.socket.destroyed) {
      const head = await Promise.race([connection.head(), connection.closed]);
      if (head === undefined) return;
      const length = Number(head.match(/content-length: (\d+)/i)?.[1] ?? 0);
      const body = length === 0 ? "" : await connection.take("body");
      const text = head.split(" ", 2).join(" ") + (body === "" ? "" : ` ${body}`);
      connection.send(
        head.includes(" /start ")
          ? `HTTP/1.1 ${status} R\r\nLocation: ${location}\r\nContent-Length: 5\r\n\r\nmoved`
          : `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
      );
    }
  });
}

Deno.test("handle() hands redirects to the client unless followRedirects is set", async () => {
  await using server = await redirecting(302, "/there");
  await using target = new WebTarget({ url: server.url });
  const response = await target.handle(relayRequest({ path: "/start" }), targetContext());
  assert.deepEqual([response.status, await textOf(response)], [302, "moved"]);
});

Deno.test("handle() follows redirects with the method and body that Fetch prescribes", async () => {
  const cases = [
    [301, "GET", "GET /there?q"],
    [301, "POST", "GET /there?q"],
    [301, "PUT", "PUT /there?q body"],
    [302, "POST", "GET /there?q"],
    [303, "POST", "GET /there?q"],
    [303, "PUT", "GET /there?q"],
    [303, "HEAD", ""],
    [307, "POST", "POST /there?q body"],
    [308, "PUT", "PUT /there?q body"],
    [300, "GET", "moved"],
    [304, "GET", ""],
  ] as const;
  for (const inlineBodyLimitBytes of [0, 65_536]) {
    for (const [status, method, expected] of cases) {
      await using server = await redirecting(status, "/there?q");
      await using target = new WebTarget({ url: server.url, followRedirects: true });
      const body = method === "GET" || method === "HEAD" ? null : bytes("body");
      const response = await target.handle(
        relayRequest({ path: "/start", method, body }),
        targetContext({ inlineBodyLimitBytes }),
      );
      assert.equal(await textOf(response), expected, `${status} ${method}`);
    }
  }
});

Deno.test("handle() does not follow a redirect of a streamed body, without Location, or away from HTTP", async () => {
  const stream = ReadableStream.from([bytes("body")]);
  for (const [location, body] of [["/there", { stream, length: 4 }], ["ftp://h/", null], ["http://[", null]] as const) {
    await using server = await redirecting(307, location);
    await using target = new WebTarget({ url: server.url, followRedirects: true });
    const response = await target.handle(relayRequest({ path: "/start", method: "POST", body }), targetContext());
    assert.equal(response.status, 307);
  }
  await using server = await answering("HTTP/1.1 302 R\r\nContent-Length: 0\r\n\r\n");
  await using target = new WebTarget({ url: server.url, followRedirects: true });
  assert.equal((await target.handle(relayRequest(), targetContext())).status, 302);
});

Deno.test("handle() sends credentials and configured headers to no other origin", async () => {
  const { promise: head, resolve } = Promise.withResolvers<string>();
  await using other = await RawServer.start(async (connection) => {
    resolve(await connection.head());
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  await using server = await redirecting(302, `${other.url}/%C3%A9`);
  await using target = new WebTarget({
    url: server.url,
    followRedirects: true,
    preserveHost: true,
    headers: { "X-Key": "secret" },
  });
  const headers = [...SECRETS, ["Host", "client.example"]] as const;
  await target.handle(relayRequest({ path: "/start", headers }), targetContext());
  assert.equal(
    (await head).replaceAll(String(other.port), "PORT"),
    "GET /%C3%A9 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-Kept: k\r\nConnection: keep-alive\r\n\r\n",
  );
});

Deno.test("handle() keeps credentials on the same origin", async () => {
  const heads: string[] = [];
  await using server = await RawServer.start(async (connection) => {
    heads.push(await connection.head());
    connection.send("HTTP/1.1 302 R\r\nLocation: there\r\nContent-Length: 0\r\n\r\n");
    heads.push(await connection.head());
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  await using target = new WebTarget({ url: `${server.url}/a/`, followRedirects: true, headers: { "X-Key": "k" } });
  await target.handle(relayRequest({ path: "/b", headers: SECRETS }), targetContext());
  assert.match(heads[0]!, /^GET \/a\/b /);
  assert.equal(heads[1], heads[0]!.replace("/a/b", "/a/there"));
});

Deno.test("handle() gives up after 10 redirects", async () => {
  let count = 0;
  await using server = await RawServer.start(async (connection) => {
    while (!connection.socket.destroyed) {
      if (await Promise.race([connection.head(), connection.closed]) === undefined) return;
      count++;
      connection.send("HTTP/1.1 302 R\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    }
  });
  await using target = new WebTarget({ url: server.url, followRedirects: true });
  await assert.rejects(target.handle(relayRequest(), targetContext()), { code: "target_invalid_response" });
  assert.equal(count, 11);
});
