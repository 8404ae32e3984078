import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";
import { WebSocket } from "ws";
import type { MessagePipe } from "../../shared/protocol/pipe.ts";
import { testMessagePipe } from "../../shared/protocol/pipe_contract.ts";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { Recorder } from "../../shared/protocol/pipe_recorder.ts";
import { within } from "../../tests/testkit/deadline.ts";
import { makeCertificate } from "../../tests/testkit/certificate.ts";
import { requireCommands } from "../../tests/testkit/requirement.ts";
import { connectTcp, headerValue } from "../../tests/testkit/tcp.ts";
import { createListener } from "./create_listener.ts";
import { testListener } from "./listener_contract.ts";
import { listenNode, type NodeListenOptions } from "./node_listener.ts";
import { converse, decode, handlerOf, type Listen, statusesIn, streamOf, textAnswer } from "./testing.ts";
import { createPipes } from "./upgrade_contract.ts";

const OPTIONS: NodeListenOptions = {
  hostname: "127.0.0.1",
  port: 0,
  headerTimeoutMs: 15_000,
  maxMessageBytes: 1 << 20,
};

const listen: Listen = (handler) => listenNode(handler, OPTIONS);

testListener("node listener", listen, {
  outcomes: "node",
  skip: {
    "keeps the bytes of UTF-8 in a target": "the parser of node:http takes ASCII only",
    "takes any token as a method": "the parser of node:http has a list of methods",
  },
});

testMessagePipe("node listener's pipe", () => createPipes(listen));
testMessagePipe("ws's pipe to a node listener", async () => {
  const pair = await createPipes(listen);
  return Object.assign([pair[1], pair[0]] as typeof pair, { [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose]() });
});

Deno.test("listenNode() rejects when the address is taken", async () => {
  await using first = await listen(handlerOf(() => textAnswer("ok")));
  await assert.rejects(listenNode(handlerOf(() => textAnswer("ok")), { ...OPTIONS, port: first.port }), {
    code: "EADDRINUSE",
  });
});

const hasIpv6 = Deno.networkInterfaces().some(({ address }) => address === "::1");

Deno.test({
  name: `listenNode() takes HTTP/1.0 without a Host over IPv6 too${hasIpv6 ? "" : " (skipped: there is no IPv6)"}`,
  ignore: !hasIpv6,
  async fn() {
    const own = handlerOf(({ host }) => textAnswer(host));
    for (const [hostname, client, expected] of [["::1", "::1", "[::1]"], ["::", "127.0.0.1", "[::ffff:127.0.0.1]"]]) {
      await using listener = await listenNode(own, { ...OPTIONS, hostname: hostname! });
      using connection = await connectTcp(listener.port, { hostname: client! });
      await connection.send("GET / HTTP/1.0\r\n\r\n");
      assert.equal(decode((await connection.readResponse()).body), `${expected}:${listener.port}`);
    }
  },
});

Deno.test("listenNode() answers 408 when a head takes too long, in its handler's words, and closes in silence where nothing came", async () => {
  await using listener = await listenNode(handlerOf(() => textAnswer("ok")), { ...OPTIONS, headerTimeoutMs: 200 });
  const slow = await converse(listener, "GET / HTTP/1.1\r\nHost: h\r\nX:");
  assert.match(slow.received, /^HTTP\/1\.1 408 [^]*X-Refused: request_timeout\r\n[^]*refused: request_timeout$/);
  assert.deepEqual(await converse(listener, ""), { received: "", isReset: false });
  // The second head of a connection has the same time.
  const second = await converse(listener, "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HT");
  assert.deepEqual(statusesIn(second), [200, 408]);
});

Deno.test("listenNode() closes a connection that has waited 75 s for its next request, and says so in advance", async () => {
  await using listener = await listen(handlerOf(() => textAnswer("ok")));
  using time = new FakeTime();
  using waiting = await connectTcp(listener.port);
  using busy = await connectTcp(listener.port);
  for (const client of [waiting, busy]) {
    await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert.equal(headerValue(await client.readResponse(), "keep-alive"), "timeout=75");
  }
  time.pass(74_999);
  await busy.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await busy.readResponse();
  time.pass(74_999);
  assert.equal(decode(await waiting.readToEnd()), "");
  await busy.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.equal(decode((await busy.readResponse()).body), "ok");
});

Deno.test("listenNode() closes a connection that has waited 75 s after an empty line", async () => {
  await using listener = await listen(handlerOf(() => textAnswer("ok")));
  using time = new FakeTime();
  using client = await connectTcp(listener.port);
  using other = await connectTcp(listener.port);
  await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await client.readResponse();
  await client.send("\r\n");
  // The line has been read when a later request has been answered.
  await other.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await other.readResponse();
  time.pass(75_000);
  time.pass(75_000);
  assert.equal((await client.readToEnd()).length, 0);
});

Deno.test("listenNode() gives a body all the time it needs", async () => {
  const read = Promise.withResolvers<void>();
  await using listener = await listenNode(
    handlerOf(async ({ body }) => {
      const reader = body!.stream().getReader();
      await reader.read();
      read.resolve();
      await reader.read();
      return textAnswer("complete");
    }),
    { ...OPTIONS, headerTimeoutMs: 100 },
  );
  using client = await connectTcp(listener.port);
  await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
  await read.promise;
  // A head that was begun later runs out of time first.
  using slow = await connectTcp(listener.port);
  await slow.send("GET / HTTP/1.1\r\n");
  assert.equal((await slow.readResponse()).status, 408);
  await client.send("b");
  assert.equal(decode((await client.readResponse()).body), "complete");
});

Deno.test("listenNode() closes a connection on which too many requests wait for their turn", async () => {
  const left = Promise.withResolvers<void>();
  let served = 0;
  await using listener = await listen(handlerOf(async ({ signal }) => {
    if (served++ > 0) return textAnswer("alive");
    signal.addEventListener("abort", () => left.resolve());
    await left.promise;
    return textAnswer("nobody");
  }));
  using client = await connectTcp(listener.port);
  await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(102)).catch(() => {});
  assert.equal((await client.readToEnd().catch(() => [])).length, 0);
  await left.promise;
  using other = await connectTcp(listener.port);
  const many = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
  await other.send(many);
  for (let index = 0; index < 100; index++) assert.equal(decode((await other.readResponse()).body), "alive");
});

Deno.test("listenNode() closes a connection 5 s after its last answer, although the client keeps its half open", async () => {
  const handshake = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  const upload = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";
  for (const last of [handshake, upload, "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"]) {
    const listener = await listen(handlerOf(() => textAnswer("refused", 403)));
    using time = new FakeTime();
    using client = await connectTcp(listener.port);
    await client.send(last);
    assert.notEqual((await client.readToEnd()).length, 0);
    time.pass(5000);
    await assert.rejects(async () => {
      for (let count = 0; count < 20_000; count++) await client.send("x");
    }, last);
    // It waits for all connections.
    await listener.close();
  }
});

Deno.test("listenNode() refuses a WebSocket message above the limit, at its head", async () => {
  const accepted = Promise.withResolvers<MessagePipe>();
  await using listener = await listen(handlerOf(() => ({ protocol: "b", accept: accepted.resolve })));
  const socket = new WebSocket(`ws://127.0.0.1:${listener.port}/`, ["b"], { perMessageDeflate: false });
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const atServer = new Recorder(await accepted.promise);
  socket.on("error", () => {});
  socket.send(new Uint8Array((1 << 20) + 1));
  assert.equal((await atServer.end)[0], 1006);
  assert.ok([1006, 1009].includes(await closed));
});

const openssl = await requireCommands(["openssl"], { requirement: "proxy" });

/** Asks an HTTPS server, whose certificate may be anybody's. */
function ask(port: number, body = ""): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { port, host: "127.0.0.1", method: "POST", rejectUnauthorized: false, agent: false };
  const request = httpsRequest({ ...options, headers: { "content-length": body.length } }, (response) => {
    let text = `${response.statusCode} `;
    response.on("data", (part) => text += part);
    response.on("end", () => resolve(text)).on("error", reject);
  });
  request.on("error", reject);
  request.end(body);
  return promise;
}

Deno.test({
  name: openssl.label("createListener() speaks HTTPS with certificate and key, whatever the listener is called"),
  ignore: openssl.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
    try {
      const { certFile, keyFile } = await makeCertificate(folder, openssl.path("openssl"));
      const handler = handlerOf(async ({ target, body, peerAddress, headers }) => {
        if (headers.some(([name]) => name.toLowerCase() === "upgrade")) {
          return {
            protocol: "b",
            accept: (pipe) => pipe.open({ message: () => pipe.close(4000, "bye"), closed() {} }),
          };
        }
        const bytes = await body?.bytes() ?? new Uint8Array(0);
        if (target === "/broken") return { status: 200, headers: [], body: { stream: streamOf("a", undefined) } };
        return textAnswer(`${target} ${bytes.length} ${peerAddress}`);
      });
      await using listener = await createListener(handler, {
        ...OPTIONS,
        listener: "native",
        tls: { certFile, keyFile },
      });
      assert.equal(await ask(listener.port, "x".repeat(300_000)), "200 / 300000 127.0.0.1");
      // Plain HTTP to it is refused, and harms nobody.
      assert.equal(statusesIn(await converse(listener, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")).length, 0);
      const socket = new WebSocket(`wss://127.0.0.1:${listener.port}/`, ["b"], { rejectUnauthorized: false });
      socket.on("open", () => socket.send(new Uint8Array(1)));
      const code = await new Promise((resolve, reject) => socket.on("close", resolve).on("error", reject));
      assert.equal(code, 4000);
      assert.equal(await ask(listener.port), "200 / 0 127.0.0.1");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("createListener() says which file it cannot read", async () => {
  const tls = { certFile: "no-such-cert.pem", keyFile: "no-such-key.pem" };
  await assert.rejects(
    createListener(handlerOf(() => textAnswer("ok")), { ...OPTIONS, listener: "node", tls }),
    /no-such-cert\.pem/,
  );
});

Deno.test({
  name: openssl.label(
    "createListener() makes a listener whose end does not wait for a client that has not shaken hands",
  ),
  ignore: openssl.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
    try {
      const tls = await makeCertificate(folder, openssl.path("openssl"));
      const options = { ...OPTIONS, headerTimeoutMs: 30_000, listener: "node", tls } as const;
      const listener = await createListener(handlerOf(() => textAnswer("ok")), options);
      using _silent = await connectTcp(listener.port);
      // Has been let in when a later one has been answered.
      assert.equal(await ask(listener.port), "200 ok");
      const closed = listener.close();
      await within(closed, { timeoutMs: 10_000, what: "the end of the listener" });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: openssl.label("createListener() refuses what is no certificate, no key, or a key to another certificate"),
  ignore: openssl.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
    try {
      const { certFile, keyFile, caFile } = await makeCertificate(folder, openssl.path("openssl"));
      const cases = [[keyFile, keyFile], [certFile, certFile], [caFile, keyFile]] as const;
      for (const [certFile, keyFile] of cases) {
        await assert.rejects(
          createListener(handlerOf(() => textAnswer("ok")), {
            ...OPTIONS,
            listener: "node",
            tls: { certFile, keyFile },
          }),
          { message: new RegExp(`^Cannot listen: ${certFile} and ${keyFile} cannot be used for TLS: .*(No|Mismatch)`) },
        );
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("listenNode() answers in plain HTTP with the header lines of its handler after a parse failure", async () => {
  await using listener = await listen(handlerOf(() => textAnswer("ok")));
  using client = await connectTcp(listener.port);
  await client.send("nonsense\r\n\r\n");
  const answer = await client.readResponse();
  assert.equal(`${answer.status} ${headerValue(answer, "x-refused")}`, "400 invalid_request");
  assert.equal((await client.readToEnd()).length, 0);
});

Deno.test("listenNode() cuts off a client that reads nothing when its answer breaks off", async () => {
  let breakOff = () => {};
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      // More than the socket takes: the answer waits for its reader.
      controller.enqueue(new Uint8Array(32 << 20));
      breakOff = () => controller.error(new Error("broken off"));
    },
  });
  const listener = await listen(handlerOf(() => ({ status: 200, headers: [], body: { stream } })));
  using client = await connectTcp(listener.port);
  await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await client.readHead();
  breakOff();
  await listener.close();
  await assert.rejects(client.readBytes(32 << 20), /ended|reset/i);
});
