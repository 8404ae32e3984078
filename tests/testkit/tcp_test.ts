import assert from "node:assert/strict";
import { connectTcp, headerValue, type TcpClient } from "./tcp.ts";

/** A server that answers its first connection with these byte strings, one write each, and then closes. */
function answering(...writes: readonly string[]) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const done = (async () => {
    using connection = await listener.accept();
    for (const text of writes) await connection.write(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      await done;
      listener.close();
    },
  };
}

/** Runs something with a client whose server answers like this. */
async function withAnswer<T>(
  writes: readonly string[],
  run: (client: TcpClient) => Promise<T>,
  options: { readonly maxBytes?: number } = {},
): Promise<T> {
  await using server = answering(...writes);
  using client = await connectTcp(server.port, options);
  return await run(client);
}

Deno.test("send() and readResponse() carry a request and its response when a real server answers", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    return new Response(`${request.method} ${request.headers.get("x-byte")} ${await request.text()}`, {
      headers: [["X-Twice", "1"], ["X-Twice", "2"]],
    });
  });
  using client = await connectTcp(server.addr.port);
  for (const round of ["one", "two"]) {
    await client.send(`POST /a HTTP/1.1\r\nHost: x\r\nX-Byte: \u00ff\r\nContent-Length: 3\r\n\r\n${round}`);
    const response = await client.readResponse();
    assert.equal(response.status, 200);
    assert.equal(headerValue(response, "X-TWICE"), "1, 2");
    assert.equal(new TextDecoder().decode(response.body), `POST \u00ff ${round}`);
  }
  client.close();
});

Deno.test("readResponse() frames the body by length, chunks, or the end of the connection", async () => {
  const head = "HTTP/1.1 200 OK\r\n";
  const cases: readonly (readonly [writes: readonly string[], body: string])[] = [
    [[`${head}Content-Length: 5\r\n\r\nhel`, "lo, more"], "hello"],
    [
      [`${head}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n`, "2\r\nl", "o\r\n0\r\nX-Trailer: 1\r\n\r\n"],
      "hello",
    ],
    [[`${head}\r\nhello`, " again"], "hello again"],
    [["HTTP/1.1 204 No Content\r\n\r\nhello"], ""],
    [["HTTP/1.1 200\r\nX: \u0080\u00ff\r\n\r\n"], ""],
  ];
  for (const [writes, body] of cases) {
    const response = await withAnswer(writes, (client) => client.readResponse());
    assert.equal(new TextDecoder().decode(response.body), body);
  }
});

Deno.test("readHead() keeps order, case, repeats and bytes of headers", async () => {
  const head = await withAnswer(
    ["HTTP/1.1 404 Not Found\r\nb-B: \u0080\u00ff\r", "\nA:1\r\nb-B:  2 \r\n\r\n"],
    (client) => client.readHead(),
  );
  assert.deepEqual(head, {
    statusLine: "HTTP/1.1 404 Not Found",
    status: 404,
    headers: [["b-B", "\u0080\u00ff"], ["A", "1"], ["b-B", "2"]],
  });
});

Deno.test("readResponse() has no body when the method is HEAD", async () => {
  const answer = ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"];
  const statuses = await withAnswer(answer, async (client) => [
    (await client.readResponse({ method: "HEAD" })).status,
    (await client.readResponse()).status,
  ]);
  assert.deepEqual(statuses, [200, 201]);
});

Deno.test("readResponse() rejects when the answer is cut off or malformed", async () => {
  const head = "HTTP/1.1 200 OK\r\n";
  const cases: readonly (readonly [answer: string, message: RegExp])[] = [
    ["HTTP/1.1 200", /ended before the end of a response's head[^]*HTTP\/1\.1 200/],
    ["nonsense\r\n\r\n", /"nonsense" is no status line/],
    [`${head}nonsense\r\n\r\n`, /"nonsense" is no header/],
    [`${head}Content-Length: 5\r\n\r\nhel`, /ended after 3 of 5 bytes/],
    [`${head}Content-Length: 5, 5\r\n\r\nhello`, /Content-Length is "5, 5"/],
    [`${head}Content-Length: 5000\r\n\r\n`, /more than 1000 bytes/],
    [`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, /ended before the size of a chunk/],
    [`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello, too long`, /longer than its size/],
    [`${head}Transfer-Encoding: chunked\r\n\r\nx\r\n`, /"x" is no chunk size/],
    [`${head}\r\n${"x".repeat(1001)}`, /more than 1000 bytes/],
  ];
  for (const [answer, message] of cases) {
    await assert.rejects(withAnswer([answer], (client) => client.readResponse(), { maxBytes: 1000 }), message);
  }
});

Deno.test("readHead() rejects with what came when the time is up", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using client = await connectTcp(listener.addr.port, { timeoutMs: 50 });
  using connection = await listener.accept();
  await connection.write(new TextEncoder().encode("HTTP/1.1 2"));
  await assert.rejects(client.readHead(), /Waited 50 ms for the end of a response's head\nso far: "HTTP\/1\.1 2"/);
});
