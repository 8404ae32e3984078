import assert from "node:assert/strict";
import { Agent } from "node:http";
import { RawServer } from "../targets/testkit.ts";
import { fetchOver } from "./fetch_over.ts";

const fetchIt = fetchOver(() => new Agent());

/** A server that answers each connection's first request with these bytes, and closes unless it is told to stay. */
function answering(answer: string, { stays = false } = {}): Promise<RawServer> {
  return RawServer.start(async (connection) => {
    await connection.head();
    connection.send(answer);
    if (!stays) connection.socket.end();
  });
}

Deno.test("fetchOver() sends method, headers and body, and returns status, headers and body", async () => {
  await using server = await RawServer.start(async (connection) => {
    const head = await connection.head();
    const body = await connection.take("x=1");
    const text = JSON.stringify([head.toLowerCase(), body]);
    connection.send(`HTTP/1.1 201 Made\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  });
  const response = await fetchIt(`${server.url}/token?a`, {
    method: "POST",
    headers: { "X-B": "3" },
    body: new URLSearchParams({ x: "1" }),
  });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get("x-a"), "1, 2");
  const [head, body] = await response.json();
  assert.equal(body, "x=1");
  assert.match(head, /^post \/token\?a http\/1\.1\r\n/);
  for (
    const line of [
      `host: 127.0.0.1:${server.port}`,
      "content-length: 3",
      "x-b: 3",
      "content-type: application/x-www-form-urlencoded",
    ]
  ) {
    assert.ok(head.includes(`\r\n${line}`), `${line} in ${head}`);
  }
  assert.equal(head.match(/content-length/g).length, 1);
});

Deno.test("fetchOver() follows no redirect: it rejects, or returns it", async () => {
  const redirect = "HTTP/1.1 302 Found\r\nLocation: //portal.example/login?secret\r\nContent-Length: 0\r\n\r\n";
  await using server = await answering(redirect);
  await assert.rejects(fetchIt(server.url, { redirect: "error" }), /it redirects to http:\/\/portal\.example\/login$/);
  const response = await fetchIt(server.url, { redirect: "manual" });
  assert.equal(response.status, 302);
  await response.body?.cancel();
});

Deno.test("fetchOver() returns no body where there is none", async () => {
  for (const [method, answer] of [["HEAD", "200 OK\r\nContent-Length: 5"], ["GET", "204 No Content"]] as const) {
    await using server = await answering(`HTTP/1.1 ${answer}\r\n\r\n`);
    const response = await fetchIt(server.url, { method });
    assert.equal(response.body, null);
  }
});

Deno.test("fetchOver() rejects when the server hangs up, garbles, or says an impossible status", async () => {
  for (const answer of ["", "nonsense\r\n\r\n", "HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n"]) {
    await using server = await answering(answer);
    await assert.rejects(fetchIt(server.url));
    await server.connections[0]!.closed;
  }
});

Deno.test("fetchOver() errors a body that breaks off", async () => {
  await using server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  const response = await fetchIt(server.url);
  await assert.rejects(response.text());
});

Deno.test("fetchOver() ends with its signal: before, while it waits, and amid the body", async () => {
  const why = new Error("enough");
  await assert.rejects(fetchIt("http://127.0.0.1:1", { signal: AbortSignal.abort(why) }), /enough/);
  for (const answer of ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"]) {
    const reached = Promise.withResolvers<void>();
    await using server = await RawServer.start(async (connection) => {
      await connection.head();
      connection.send(answer);
      reached.resolve();
    });
    const abort = new AbortController();
    const text = fetchIt(server.url, { signal: abort.signal }).then((response) => response.text());
    await reached.promise;
    abort.abort(why);
    await assert.rejects(text, /enough/);
    await server.connections[0]!.closed;
  }
});

Deno.test("fetchOver() closes the socket of a body that nobody wants", async () => {
  await using server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", { stays: true });
  const response = await fetchIt(server.url);
  await response.body?.cancel();
  await server.connections[0]!.closed;
});
