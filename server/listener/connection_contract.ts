/**
 * The contract's part about connections and the end of the listener.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connectTcp, headerValue } from "../../tests/testkit/tcp.ts";
import {
  converse,
  decode,
  encode,
  exchange,
  handlerOf,
  type ListenerCases,
  statusesIn,
  streamOf,
  textAnswer,
} from "./testing.ts";

/** Cases by name. */
export const connectionCases: ListenerCases = {
  "serves many requests on one connection": async (listen) => {
    await using listener = await listen(handlerOf(({ target }) => textAnswer(target)));
    using client = await connectTcp(listener.port);
    for (let index = 0; index < 100; index++) {
      await client.send(`GET /${index} HTTP/1.1\r\nHost: h\r\n\r\n`);
      assert.equal(decode((await client.readResponse()).body), `/${index}`);
    }
  },

  "answers requests that were sent at once, in their order": async (listen) => {
    let release = () => {};
    await using listener = await listen(handlerOf(async ({ target }) => {
      if (target === "/0") await new Promise<void>((resolve) => release = resolve);
      else release();
      return textAnswer(target);
    }));
    using client = await connectTcp(listener.port);
    await client.send(Array.from({ length: 10 }, (_, index) => `GET /${index} HTTP/1.1\r\nHost: h\r\n\r\n`).join(""));
    // Where the second waits for the first, nobody else releases it.
    const free = setInterval(() => release(), 50);
    try {
      for (let index = 0; index < 10; index++) assert.equal(decode((await client.readResponse()).body), `/${index}`);
    } finally {
      clearInterval(free);
    }
  },

  "closes after a request that says so, and after HTTP/1.0": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("ok")));
    for (
      const request of ["GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\nHost: h\r\n\r\n"]
    ) {
      const { received, isReset } = await converse(listener, request);
      assert.equal(isReset, false);
      assert.ok(received.endsWith("ok"), received);
    }
  },

  "sends HTTP/1.0 no chunks": async (listen) => {
    await using listener = await listen(
      handlerOf(() => ({ status: 200, headers: [], body: { stream: streamOf("ab", "c") } })),
    );
    const { received } = await converse(listener, "GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    const [head = "", body] = received.split("\r\n\r\n");
    assert.equal(body, "abc");
    assert.doesNotMatch(head, /transfer-encoding/i);
  },

  "keeps the connection of HTTP/1.0 when it is asked to and the length is known": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("ok")));
    using client = await connectTcp(listener.port);
    for (let round = 0; round < 2; round++) {
      await client.send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
      assert.equal(decode((await client.readResponse()).body), "ok");
    }
  },

  "ends connections with their answers once it drains, and still serves": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("ok")));
    using kept = await connectTcp(listener.port);
    await kept.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert.equal(headerValue(await kept.readResponse(), "connection")?.toLowerCase() === "close", false);
    listener.drain();
    await kept.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    const last = await kept.readResponse();
    assert.equal(`${headerValue(last, "connection")?.toLowerCase()} ${decode(last.body)}`, "close ok");
    using late = await connectTcp(listener.port);
    await late.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    const answer = await late.readResponse();
    assert.equal(`${headerValue(answer, "connection")?.toLowerCase()} ${decode(answer.body)}`, "close ok");
    const refused = await exchange(listener, "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n");
    assert.equal(`${refused.status} ${headerValue(refused, "connection")?.toLowerCase()}`, "400 close");
  },

  "keeps a connection whose answer had begun before it drained: it has not said that it ends": async (listen) => {
    const released = Promise.withResolvers<void>();
    const stream = () =>
      new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(encode("a"));
          await released.promise;
          controller.enqueue(encode("b"));
          controller.close();
        },
      });
    await using listener = await listen(
      handlerOf(({ target }) =>
        target === "/late"
          ? textAnswer("late")
          : { status: 200, headers: [["Content-Length", "2"]], body: { stream: stream() } }
      ),
    );
    using client = await connectTcp(listener.port);
    await client.send("GET /begun HTTP/1.1\r\nHost: h\r\n\r\n");
    const head = await client.readHead();
    listener.drain();
    released.resolve();
    assert.equal(
      `${headerValue(head, "connection")?.toLowerCase() === "close"} ${decode(await client.readBytes(2))}`,
      "false ab",
    );
    await client.send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    const late = await client.readResponse();
    assert.equal(`${headerValue(late, "connection")?.toLowerCase()} ${decode(late.body)}`, "close late");
  },

  "closes by itself, lets what runs finish, and takes nothing new": async (listen) => {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const listener = await listen(handlerOf(async ({ target }) => {
      if (target === "/idle") return textAnswer("idle");
      reached.resolve();
      await released.promise;
      return { status: 200, headers: [], body: { stream: streamOf("a", "b") } };
    }));
    using silent = await connectTcp(listener.port);
    using partial = await connectTcp(listener.port);
    using idle = await connectTcp(listener.port);
    using busy = await connectTcp(listener.port);
    await partial.send("GET / HT");
    await idle.send("GET /idle HTTP/1.1\r\nHost: h\r\n\r\n");
    await idle.readResponse();
    await busy.send("GET /busy HTTP/1.1\r\nHost: h\r\n\r\n");
    await reached.promise;
    const closed = listener.close();
    for (const client of [silent, partial, idle]) assert.equal((await client.readToEnd().catch(() => [])).length, 0);
    await assert.rejects(connectTcp(listener.port));
    released.resolve();
    assert.equal(decode((await busy.readResponse()).body), "ab");
    assert.equal((await busy.readToEnd()).length, 0);
    await Promise.all([closed, listener.finished, listener.close()]);
  },

  "answers nothing after an answer that is the last": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("ok")));
    const last = "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert.deepEqual(statusesIn(await converse(listener, `${last}GET /more HTTP/1.1\r\nHost: h\r\n\r\n`)), [200]);
  },

  "finishes the answer before garbage, and closes": async (listen) => {
    const released = Promise.withResolvers<void>();
    await using listener = await listen(handlerOf(async () => {
      await released.promise;
      return textAnswer("ok");
    }));
    const conversation = converse(listener, "GET / HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n\r\n");
    await soon(released.resolve);
    const { received } = await conversation;
    assert.ok(received.startsWith("HTTP/1.1 200 "), received);
  },

  "survives a handler's answer to nobody": async (listen) => {
    const reached = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    await using listener = await listen(handlerOf(async ({ target, signal }) => {
      if (target === "/alive") return textAnswer("alive");
      signal.addEventListener("abort", () => left.resolve());
      reached.resolve();
      await left.promise;
      return { status: 200, headers: [["X", "\u0001"]], body: encode("nobody") };
    }));
    using client = await connectTcp(listener.port);
    await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await reached.promise;
    client.close();
    await left.promise;
    const answer = await exchange(listener, "GET /alive HTTP/1.1\r\nHost: h\r\n\r\n");
    assert.equal(`${decode(answer.body)} ${headerValue(answer, "x")}`, "alive undefined");
  },
};

/** Lets what is under way in this process happen, then goes on. */
async function soon(next: () => void): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  next();
}
