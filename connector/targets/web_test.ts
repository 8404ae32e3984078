import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { RelayError } from "../../shared/errors/relay_error.ts";
import {
  answering,
  bytes,
  type NewTarget,
  RawServer,
  relayRequest,
  streamOf,
  targetContext,
  testClients,
  textOf,
} from "./testkit.ts";
import { WebTarget } from "./web.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Sends one request and gives back what the target saw, up to and including an end mark. */
async function seen(
  newTarget: NewTarget,
  request: Parameters<typeof relayRequest>[0],
  options: { base?: string; end?: string; target?: Omit<ConstructorParameters<typeof WebTarget>[0], "url"> } = {},
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  await using server = await RawServer.start(async (connection) => {
    resolve(await connection.take(options.end ?? "\r\n\r\n"));
    connection.send(OK);
  });
  await using target = newTarget({ url: server.url + (options.base ?? "/"), ...options.target });
  await target.handle(relayRequest(request), targetContext());
  return (await promise).replaceAll(String(server.port), "PORT");
}

testClients("handle() sends header lines with their case, order and repeats", async (newTarget) => {
  const head = await seen(newTarget, {
    headers: [["X-b", "1"], ["x-A", "\xe9"], ["X-B", "2"], ["Empty", ""], ["Cookie", "a=1"]],
  });
  assert.equal(
    head,
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-b: 1\r\nx-A: \xe9\r\nX-B: 2\r\nEmpty: \r\nCookie: a=1\r\nConnection: keep-alive\r\n\r\n",
  );
});

testClients("handle() removes hop-by-hop headers and Expect", async (newTarget) => {
  const removed = [
    "Connection",
    "keep-alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Expect",
  ];
  const head = await seen(newTarget, { headers: [...removed.map((name) => [name, "x"] as const), ["X-Kept", "1"]] });
  assert.equal(head, "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-Kept: 1\r\nConnection: keep-alive\r\n\r\n");
});

testClients("handle() joins base URL and path byte for byte", async (newTarget) => {
  const cases = [
    ["/", "", "/"],
    ["/", "?q", "/?q"],
    ["/", "/x?q", "/x?q"],
    ["", "", "/"],
    ["/base", "", "/base"],
    ["/base", "?q=1", "/base?q=1"],
    ["/base", "/", "/base/"],
    ["/base/", "", "/base/"],
    ["/base/", "?q", "/base/?q"],
    ["/base/", "/x", "/base/x"],
    ["/base/", "//x//", "/base//x//"],
    ["/base", '/%2F%zz%00/a|b\\c;d="<>{}^`/\xe9?a+b&%20?#', '/base/%2F%zz%00/a|b\\c;d="<>{}^`/\xe9?a+b&%20?#'],
    ["/base", "/a..b/.c?/../", "/base/a..b/.c?/../"],
  ] as const;
  for (const [base, path, expected] of cases) {
    const head = await seen(newTarget, { path }, { base });
    assert.equal(head.split("\r\n")[0], `GET ${expected} HTTP/1.1`);
  }
});

testClients(
  "handle() refuses dot segments, bytes that end a request line, CONNECT and known methods in lower case",
  async (newTarget) => {
    await using server = await answering(OK);
    await using target = newTarget({ url: `${server.url}/base` });
    const refused = [
      { path: "/../x" },
      { path: "/%2E%2e" },
      { path: "/a\\..\\b" },
      { path: "/a b" },
      { path: "/a\r\nX: y" },
      { path: "/\u0100" },
      { method: "get" },
      { method: "Post" },
      { method: "CONNECT" },
      { method: "A B" },
      { headers: [["X", "a\r\nY: b"]] as const },
      { headers: [["X Y", "a"]] as const },
    ];
    for (const parts of refused) {
      let isCancelled = false;
      const stream = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) });
      await assert.rejects(
        target.handle(relayRequest({ ...parts, body: { stream } }), targetContext()),
        { name: "RelayError", code: "invalid_request" },
        JSON.stringify(parts),
      );
      assert.equal(isCancelled, true);
    }
    assert.equal(server.connections.length, 0);
  },
);

testClients("handle() keeps the case of a method nobody knows", async (newTarget) => {
  const head = await seen(newTarget, { method: "Brew", headers: [["X-A", "1"], ["X-A", "2"]] });
  assert.equal(
    head,
    "Brew / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
  );
});

testClients("handle() frames a body on every method", async (newTarget) => {
  for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW"]) {
    const known = await seen(newTarget, { method, headers: [["content-length", "99"]], body: bytes("hello") }, {
      end: "hello",
    });
    assert.match(known, /^\w+ \/ HTTP\/1.1\r\nHost: .*\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello$/);
    const unknown = await seen(newTarget, { method, body: { stream: streamFrom(["hel", "", "lo"]) } }, {
      end: "0\r\n\r\n",
    });
    assert.match(unknown, /\r\nTransfer-Encoding: chunked\r\n(?:.+\r\n)*\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n$/);
    assert.doesNotMatch(unknown, /content-length/i);
    const measured = await seen(newTarget, { method, body: { stream: streamFrom(["hel", "lo"]), length: 5 } }, {
      end: "hello",
    });
    assert.match(measured, /\r\nContent-Length: 5\r\n(?:.+\r\n)*\r\nhello$/);
  }
});

testClients(
  "handle() sends Content-Length: 0 when there is no body and the method or the client wants it",
  async (newTarget) => {
    assert.match(await seen(newTarget, { method: "POST" }), /\r\nContent-Length: 0\r\n/);
    assert.match(
      await seen(newTarget, { method: "GET", headers: [["content-length", "0"]] }),
      /\r\nContent-Length: 0\r\n/,
    );
    assert.doesNotMatch(await seen(newTarget, { method: "GET" }), /content-length|transfer-encoding/i);
    assert.doesNotMatch(await seen(newTarget, { method: "DELETE" }), /content-length|transfer-encoding/i);
  },
);

testClients("handle() gives the target its own Host unless preserveHost is set", async (newTarget) => {
  const headers = [["host", "client.example"], ["X-Forwarded-Host", "forwarded.example"]] as const;
  assert.match(await seen(newTarget, { headers }), /\r\nHost: 127.0.0.1:PORT\r\n/);
  const preserved = await seen(newTarget, { headers }, { target: { preserveHost: true } });
  assert.equal(preserved.match(/\r\nhost: .*/gi)?.join(), "\r\nHost: client.example");
  assert.match(
    await seen(newTarget, { headers: headers.slice(1) }, { target: { preserveHost: true } }),
    /\r\nHost: forwarded.example\r\n/,
  );
  assert.match(await seen(newTarget, {}, { target: { preserveHost: true } }), /\r\nHost: 127.0.0.1:PORT\r\n/);
});

testClients("handle() lets configured headers replace the client's", async (newTarget) => {
  const head = await seen(newTarget, { headers: [["x-key", "client"], ["Host", "client"]] }, {
    target: { headers: { "X-Key": "configured", "host": "configured.example" }, preserveHost: true },
  });
  assert.equal(
    head,
    "GET / HTTP/1.1\r\nHost: configured.example\r\nX-Key: configured\r\nConnection: keep-alive\r\n\r\n",
  );
});

Deno.test("WebTarget() refuses what cannot be configured", () => {
  for (const url of ["ftp://h/", "http://u:p@h/", "http://h/?q", "http://h/#f", "h"]) {
    assert.throws(() => new WebTarget({ url }), TypeError, url);
  }
  for (const headers of [{ "X Y": "1" }, { X: "a\nb" }, { "Content-Length": "1" }, { Connection: "x" }]) {
    assert.throws(() => new WebTarget({ url: "http://h/", headers }), TypeError, JSON.stringify(headers));
  }
});

testClients("handle() returns header lines as sent, without those of the connection", async (newTarget) => {
  await using server = await answering(
    "HTTP/1.1 299 Odd\r\nX-b: 1\r\nSet-Cookie: a\r\nx-B: \xe9\r\nset-cookie: b\r\nConnection: keep-alive, X-Hop, content-length\r\n" +
      "Keep-Alive: timeout=5\r\nX-Hop: 1\r\nUpgrade: h2c\r\nTrailer: T\r\nContent-Length: 2\r\n\r\nok",
  );
  await using target = newTarget({ url: server.url });
  const response = await target.handle(relayRequest(), targetContext());
  assert.equal(response.status, 299);
  assert.deepEqual(response.headers, [["X-b", "1"], ["Set-Cookie", "a"], ["x-B", "\xe9"], ["set-cookie", "b"], [
    "Content-Length",
    "2",
  ]]);
  assert.ok(response.body instanceof Uint8Array);
  assert.equal(Object.getPrototypeOf(response.body), Uint8Array.prototype);
  assert.equal(await textOf(response), "ok");
});

testClients("handle() leaves an encoded body encoded", async (newTarget) => {
  const packed = gzipSync("hello".repeat(100));
  await using server = await answering(
    `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n${packed.toString("latin1")}`,
  );
  await using target = newTarget({ url: server.url });
  const response = await target.handle(relayRequest(), targetContext());
  assert.deepEqual(response.body, new Uint8Array(packed));
});

testClients("handle() returns no body but the length for HEAD and 304, and nothing for 204", async (newTarget) => {
  await using head = await answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  await using headTarget = newTarget({ url: head.url });
  for (let count = 0; count < 2; count++) {
    const response = await headTarget.handle(relayRequest({ method: "HEAD" }), targetContext());
    assert.deepEqual(response, { status: 200, headers: [["Content-Length", "1000"]], body: null });
  }
  assert.equal(head.connections.length, 1);
  for (const [line, headers] of [["304 Not Modified", [["Content-Length", "1000"]]], ["204 No Content", []]] as const) {
    await using server = await answering(
      `HTTP/1.1 ${line}\r\n${headers.map((header) => header.join(": ") + "\r\n").join("")}\r\n`,
    );
    await using target = newTarget({ url: server.url });
    const response = await target.handle(relayRequest(), targetContext());
    assert.deepEqual(response, { status: Number(line.slice(0, 3)), headers, body: null });
  }
});

testClients("handle() passes over interim responses", async (newTarget) => {
  await using server = await answering(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${OK}`);
  await using target = newTarget({ url: server.url });
  const response = await target.handle(relayRequest(), targetContext());
  assert.deepEqual([response.status, await textOf(response)], [200, "ok"]);
});

testClients(
  "handle() collects bodies up to the inline limit and streams larger ones with their length",
  async (newTarget) => {
    await using server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour");
    await using target = newTarget({ url: server.url });
    const inline = await target.handle(relayRequest(), targetContext({ inlineBodyLimitBytes: 4 }));
    assert.ok(inline.body instanceof Uint8Array);
    const streamed = await target.handle(relayRequest(), targetContext({ inlineBodyLimitBytes: 3 }));
    assert.ok(streamed.body !== null && "length" in streamed.body && streamed.body.length === 4);
    assert.equal(await new Response(streamOf(streamed)).text(), "four");
  },
);

testClients("handle() streams chunked, HTTP/1.0 and until-close bodies to their end", async (newTarget) => {
  for (
    const response of [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\nT: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\nabcdef",
      "HTTP/1.0 200 OK\r\n\r\nabcdef",
    ]
  ) {
    await using server = await RawServer.start(async (connection) => {
      await connection.head();
      connection.send(response);
      if (!response.includes("chunked")) connection.socket.end();
    });
    await using target = newTarget({ url: server.url });
    const answer = await target.handle(relayRequest(), targetContext());
    assert.deepEqual(answer.headers, []);
    assert.equal(await new Response(streamOf(answer)).text(), "abcdef");
  }
});

testClients("handle() uses one connection for calls in turn", async (newTarget) => {
  await using server = await answering(OK);
  await using target = newTarget({ url: server.url });
  for (let count = 0; count < 5; count++) await target.handle(relayRequest(), targetContext());
  assert.equal(server.connections.length, 1);
});

testClients("handle() uses the connection again after a response without a body or a length", async (newTarget) => {
  for (const line of ["204 No Content", "304 Not Modified"]) {
    await using server = await answering(`HTTP/1.1 ${line}\r\n\r\n`);
    await using target = newTarget({ url: server.url });
    for (let count = 0; count < 2; count++) await target.handle(relayRequest(), targetContext());
    assert.equal(server.connections.length, 1, line);
  }
});

testClients("handle() refuses after disposal", async (newTarget) => {
  await using server = await answering(OK);
  const target = newTarget({ url: server.url });
  await target[Symbol.asyncDispose]();
  await assert.rejects(target.handle(relayRequest(), targetContext()), RelayError);
});

function streamFrom(parts: readonly string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(parts.map(bytes));
}
