/**
 * The contract's part about WebSockets. What the pipe itself does is checked by `shared/protocol/pipe_contract.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { WebSocket } from "ws";
import type { MessagePipe } from "../../shared/protocol/pipe.ts";
import type { PipePair } from "../../shared/protocol/pipe_contract.ts";
import { Recorder } from "../../shared/protocol/pipe_recorder.ts";
import { WsPipe } from "../../shared/ws/ws_pipe.ts";
import { within } from "../../tests/testkit/deadline.ts";
import { connectTcp, headerValue } from "../../tests/testkit/tcp.ts";
import type { Answer } from "./listener.ts";
import { decode, exchange, handlerOf, type Listen, type ListenerCases, streamOf, textAnswer } from "./testing.ts";

const HANDSHAKE = [
  "GET /socket HTTP/1.1",
  "Host: h",
  "Connection: keep-alive, Upgrade",
  "Upgrade: WebSocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

const OTHER_PROTOCOL = "Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n";

function handshake(...lines: readonly string[]): string {
  return [...HANDSHAKE, ...lines, "", ""].join("\r\n");
}

function accepting(accept: (pipe: MessagePipe) => void): () => Answer {
  return () => ({ protocol: "b", accept });
}

/**
 * A pipe of the listener and, at its other end, one of `ws`.
 *
 * @returns The listener's end first.
 */
export async function createPipes(listen: Listen): Promise<PipePair> {
  const accepted = Promise.withResolvers<MessagePipe>();
  const listener = await listen(handlerOf(accepting(accepted.resolve)));
  const socket = new WebSocket(`ws://127.0.0.1:${listener.port}/`, ["a", "b"], { perMessageDeflate: false });
  const client = new WsPipe(socket);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const server = await accepted.promise;
  return Object.assign([server, client] as [MessagePipe, MessagePipe], {
    async [Symbol.asyncDispose]() {
      client.terminate();
      server.terminate();
      await listener.close();
    },
  });
}

/** Cases by name. */
export const upgradeCases: ListenerCases = {
  "opens a WebSocket with the chosen sub-protocol, however the offer is spelled": async (listen) => {
    for (
      const offer of [["Sec-WebSocket-Protocol: a, b"], ["Sec-WebSocket-Protocol: a,b"], ["Sec-WebSocket-Protocol: b"]]
    ) {
      const accepted = Promise.withResolvers<MessagePipe>();
      await using listener = await listen(handlerOf(accepting(accepted.resolve)));
      using client = await connectTcp(listener.port);
      await client.send(handshake(...offer));
      const head = await client.readHead();
      assert.equal(`${head.status} ${headerValue(head, "sec-websocket-protocol")}`, "101 b");
      assert.equal(headerValue(head, "sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
      assert.equal(headerValue(head, "sec-websocket-extensions"), undefined);
      const pipe = await accepted.promise;
      pipe.open(new Recorder());
      pipe.terminate();
    }
  },

  "delivers what the client sent right behind its handshake": async (listen) => {
    const accepted = Promise.withResolvers<MessagePipe>();
    await using listener = await listen(handlerOf(async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { protocol: "b", accept: accepted.resolve };
    }));
    using client = await connectTcp(listener.port);
    // A masked binary frame with two bytes; the mask is zero.
    await client.send(handshake("Sec-WebSocket-Protocol: b") + "\x82\x82\0\0\0\0hi");
    const pipe = await accepted.promise;
    const recorder = new Recorder(pipe);
    await recorder.received(1);
    assert.equal(decode(recorder.messages[0]!), "hi");
    pipe.terminate();
  },

  "answers a request for a WebSocket in plain HTTP when the handler says so": async (listen) => {
    await using listener = await listen(handlerOf(({ target, headers, body }) => {
      assert.ok(headers.some(([name]) => name.toLowerCase() === "sec-websocket-key"));
      assert.equal(`${target} ${body}`, "/socket null");
      return textAnswer("not you", 401);
    }));
    const { status, body } = await exchange(listener, handshake());
    assert.deepEqual([status, decode(body)], [401, "not you"]);
  },

  "answers a request for a WebSocket with a stream": async (listen) => {
    await using listener = await listen(
      handlerOf(() => ({ status: 200, headers: [], body: { stream: streamOf("a", "b") } })),
    );
    assert.equal(decode((await exchange(listener, handshake())).body), "ab");
  },

  "answers what came before a request for a WebSocket or CONNECT before it": async (listen) => {
    let release = () => {};
    await using listener = await listen(handlerOf(async ({ target }) => {
      if (target === "/first") await new Promise<void>((resolve) => release = resolve);
      return target === "/accepted" ? accepting((pipe) => pipe.terminate())() : textAnswer(target, 401);
    }));
    const cases = [
      [handshake(), [401]],
      [handshake().replace("/socket", "/accepted"), [101, 400]],
      ["CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", [400]],
    ] as const;
    for (const [second, statuses] of cases) {
      using client = await connectTcp(listener.port);
      await client.send(`GET /first HTTP/1.1\r\nHost: h\r\n\r\n${second}`);
      // Whoever did not wait has been answered when this is.
      await exchange(listener, "GET /alive HTTP/1.1\r\nHost: h\r\n\r\n");
      release();
      const first = await client.readResponse().catch(() => undefined);
      // Both are left without an answer where CONNECT cannot wait.
      if (first === undefined && second.startsWith("CONNECT")) continue;
      assert.equal(first && decode(first.body), "/first");
      const { status } = await client.readHead();
      assert.ok(statuses.some((expected) => expected === status), String(status));
    }
  },

  "opens a WebSocket on a connection that has carried other requests": async (listen) => {
    const accepted = Promise.withResolvers<MessagePipe>();
    await using listener = await listen(
      handlerOf(({ target }) => target === "/socket" ? accepting(accepted.resolve)() : textAnswer(target, 413)),
    );
    using client = await connectTcp(listener.port);
    await client.send("GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    await client.readResponse();
    await client.send("POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n");
    await client.readResponse();
    await client.send(`abc${handshake("Sec-WebSocket-Protocol: b")}`);
    assert.equal((await client.readHead()).status, 101);
    (await accepted.promise).terminate();
  },

  "takes a request for another protocol as plain HTTP": async (listen) => {
    await using listener = await listen(handlerOf(({ target }) => textAnswer(target)));
    using client = await connectTcp(listener.port);
    for (const target of ["/first", "/second"]) {
      await client.send(`GET ${target} HTTP/1.1\r\n${OTHER_PROTOCOL}\r\n`);
      assert.equal(decode((await client.readResponse()).body), target);
    }
  },

  "takes the body of a request for another protocol": async (listen) => {
    await using listener = await listen(handlerOf(async ({ body }) => textAnswer(decode(await body!.bytes()))));
    const request = `POST / HTTP/1.1\r\n${OTHER_PROTOCOL}Content-Length: 3\r\n\r\nabc`;
    assert.equal(decode((await exchange(listener, request)).body), "abc");
  },

  "survives an upgrade of what cannot be upgraded": async (listen) => {
    await using listener = await listen(
      handlerOf(({ target }) =>
        target === "/alive" ? textAnswer("alive") : { protocol: "b", accept: () => assert.fail("accepted") }
      ),
    );
    const requests = [
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
      handshake().replace(/Sec-WebSocket-Key[^]*/, "\r\n"),
      handshake().replace("Connection: keep-alive, Upgrade", "Connection: keep-alive"),
    ];
    for (const request of requests) {
      const { status } = await exchange(listener, request);
      assert.ok(status >= 400, String(status));
    }
    assert.equal(decode((await exchange(listener, "GET /alive HTTP/1.1\r\nHost: h\r\n\r\n")).body), "alive");
  },

  "tells when the client leaves before its request for a WebSocket is answered": async (listen) => {
    const reached = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    await using listener = await listen(handlerOf(async ({ signal }) => {
      signal.addEventListener("abort", () => left.resolve());
      reached.resolve();
      await left.promise;
      return textAnswer("late", 502);
    }));
    using client = await connectTcp(listener.port);
    await client.send(handshake());
    await reached.promise;
    client.close();
    await within(left.promise, { timeoutMs: 10_000, what: "the client's leaving" });
  },

  "survives a client that leaves before its WebSocket is open": async (listen) => {
    const reached = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const accepted = Promise.withResolvers<MessagePipe>();
    await using listener = await listen(handlerOf(async ({ target }) => {
      if (target === "/alive") return textAnswer("alive");
      reached.resolve();
      await left.promise;
      return { protocol: "b", accept: accepted.resolve };
    }));
    using client = await connectTcp(listener.port);
    await client.send(handshake("Sec-WebSocket-Protocol: b"));
    await reached.promise;
    client.close();
    left.resolve();
    assert.equal(decode((await exchange(listener, "GET /alive HTTP/1.1\r\nHost: h\r\n\r\n")).body), "alive");
  },

  "closes WebSockets when it closes": async (listen) => {
    await using pair = await createPipes(listen);
    const [server, client] = pair;
    const [atServer, atClient] = [new Recorder(server), new Recorder(client)];
    await pair[Symbol.asyncDispose]();
    await Promise.all([atServer.end, atClient.end]);
  },
};
