/**
 * The contract's part about answers.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { HeaderLines, RelayResponse, StreamBody } from "../../shared/http/message.ts";
import { settled } from "../../tests/testkit/bodies.ts";
import { connectTcp, headerValue, type RawResponse } from "../../tests/testkit/tcp.ts";
import { converse, decode, encode, exchange, handlerOf, type Listen, type ListenerCases, streamOf } from "./testing.ts";

const GET = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const HEAD = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";

/** Answers one request with this. */
async function answered(listen: Listen, answer: Partial<RelayResponse>, request = GET): Promise<RawResponse> {
  await using listener = await listen(handlerOf(() => ({ status: 200, headers: [], body: null, ...answer })));
  return await exchange(listener, request);
}

/** Answers two requests on one connection with this: a body where none may be would be taken for the second answer. */
async function answeredTwice(listen: Listen, answer: Partial<RelayResponse>, request = GET): Promise<RawResponse> {
  await using listener = await listen(handlerOf(() => ({ status: 200, headers: [], body: null, ...answer })));
  using client = await connectTcp(listener.port);
  const method = request.slice(0, request.indexOf(" "));
  await client.send(request);
  const first = await client.readResponse({ method });
  await client.send(request);
  const second = await client.readResponse({ method });
  assert.deepEqual([second.status, second.body], [first.status, first.body]);
  return first;
}

function framing(head: RawResponse): string {
  return `${headerValue(head, "content-length")} ${headerValue(head, "transfer-encoding")}`;
}

function lines({ headers }: RawResponse): HeaderLines {
  const own = ["date", "connection", "keep-alive", "content-length", "transfer-encoding", "vary"];
  return headers.filter(([name]) => !own.includes(name.toLowerCase()));
}

/** Cases by name. */
export const answerCases: ListenerCases = {
  "announces the length of a body in memory": async (listen) => {
    for (const text of ["", "a", "x".repeat(300_000)]) {
      const answer = await answeredTwice(listen, { body: encode(text) });
      assert.equal(framing(answer), `${text.length} undefined`);
      assert.equal(decode(answer.body), text);
    }
    assert.equal(framing(await answeredTwice(listen, { body: null })), "0 undefined");
  },

  "announces the length of a stream where a header tells it, and sends chunks where none does": async (listen) => {
    const headers: HeaderLines = [["content-length", "3"]];
    const listed = await answered(listen, { headers, body: { stream: streamOf("abc"), length: 3 } });
    assert.equal(`${framing(listed)} ${decode(listed.body)}`, "3 undefined abc");
    const chunked = await answered(listen, { body: { stream: streamOf("ab", "", "c") } });
    assert.equal(`${framing(chunked)} ${decode(chunked.body)}`, "undefined chunked abc");
    const empty = await answered(listen, { body: { stream: streamOf() } });
    assert.equal(`${framing(empty)} ${decode(empty.body)}`, "undefined chunked ");
  },

  "keeps the length and sends no body when it answers HEAD": async (listen) => {
    const headers: HeaderLines = [["Content-Length", "1000"]];
    assert.equal(framing(await answeredTwice(listen, { headers }, HEAD)), "1000 undefined");
    assert.equal(framing(await answeredTwice(listen, { body: encode("abc") }, HEAD)), "3 undefined");
    const cancelled = Promise.withResolvers<void>();
    const stream = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() }, { highWaterMark: 0 });
    await answered(listen, { body: { stream } }, HEAD);
    await cancelled.promise;
  },

  "makes up no length when it answers HEAD": async (listen) => {
    for (const status of [200, 404]) {
      assert.equal(framing(await answeredTwice(listen, { status }, HEAD)), "undefined undefined");
      assert.equal(
        framing(await answered(listen, { status, body: { stream: streamOf("abc") } }, HEAD)),
        "undefined undefined",
      );
    }
  },

  "sends no body with 204 and 304, and keeps the other headers": async (listen) => {
    for (const status of [204, 304]) {
      for (const body of [null, encode("abc"), encode("")]) {
        const answer = await answeredTwice(listen, { status, headers: [["ETag", '"e"']], body });
        assert.deepEqual([answer.status, lines(answer)], [status, [["ETag", '"e"']]]);
        assert.equal(headerValue(answer, "transfer-encoding"), undefined);
      }
    }
  },

  "keeps Content-Length with 304": async (listen) => {
    const answer = await answeredTwice(listen, { status: 304, headers: [["Content-Length", "1000"]] });
    assert.equal(headerValue(answer, "content-length"), "1000");
  },

  "answers 205, or 204 where it cannot, without a body": async (listen) => {
    for (const body of [null, encode("abc"), { stream: streamOf("abc"), length: 3 }]) {
      const headers: HeaderLines = body instanceof Uint8Array ? [["Content-Length", "3"]] : [];
      const { status, body: sent } = await answered(listen, { status: 205, headers, body });
      assert.ok(status === 204 || status === 205);
      assert.equal(sent.length, 0);
    }
  },

  "answers 205 as 205, with a length": async (listen) => {
    const answer = await answeredTwice(listen, { status: 205 });
    assert.equal(`${answer.status} ${framing(answer)}`, "205 0 undefined");
  },

  "answers every status from 200 to 599": async (listen) => {
    for (const status of [200, 206, 299, 300, 399, 400, 418, 416, 451, 499, 500, 511, 599]) {
      assert.equal((await answered(listen, { status })).status, status);
    }
  },

  "keeps header lines apart, in order, case and bytes": async (listen) => {
    const headers: HeaderLines = [
      ["Set-Cookie", "a=1; Path=/"],
      ["X-b", "1"],
      ["x-A", "\u0080\u00e4\u00ff"],
      ["Set-Cookie", "b=2"],
      ["X-b", "2"],
      ["X-Tab", "a\tb"],
      ["X-Empty", ""],
      ["Via", "1.1 x"],
    ];
    const received = lines(await answered(listen, { headers }));
    const sorted = (lines: HeaderLines) => lines.map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort();
    assert.deepEqual(sorted(received), sorted(headers));
    // Lines of one name are in the order in which they were given.
    const values = (name: string) => received.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
    assert.deepEqual([values("set-cookie"), values("x-b")], [["a=1; Path=/", "b=2"], ["1", "2"]]);
  },

  "keeps a Date that is given": async (listen) => {
    const date = "Thu, 01 Jan 1970 00:00:00 GMT";
    assert.equal(headerValue(await answered(listen, { headers: [["date", date]] }), "date"), date);
  },

  "sends header lines of 60,000 bytes": async (listen) => {
    const answer = await answered(listen, { headers: [["X-Long", "x".repeat(60_000)]] });
    assert.equal(headerValue(answer, "x-long")?.length, 60_000);
  },

  "answers 502 instead of a header that holds a control character": async (listen) => {
    for (const code of [0x01, 0x08, 0x0b, 0x0c, 0x0e, 0x1f, 0x7f]) {
      const cancelled = Promise.withResolvers<void>();
      const stream = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() }, { highWaterMark: 0 });
      const answer = await answered(listen, { headers: [["X", `a${String.fromCharCode(code)}b`]], body: { stream } });
      assert.equal(`${answer.status} ${headerValue(answer, "x-refused")}`, "502 target_invalid_response");
      await cancelled.promise;
    }
  },

  "never sends a header that is none": async (listen) => {
    const none: HeaderLines = [["X", "a\r\nX-Injected: b"], ["X", "a\0"], ["X Y", "a"], ["X\r\nY", "a"], ["", "a"], [
      "X",
      "\u0100",
    ]];
    for (const line of none) {
      const answer = await answered(listen, { headers: [line] });
      assert.ok(answer.status >= 500, String(answer.status));
      assert.ok(headerValue(answer, "x-refused") !== undefined && headerValue(answer, "x-injected") === undefined);
    }
  },

  "sends the head and each part as soon as they are there": async (listen) => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    await using listener = await listen(handlerOf(() => ({ status: 200, headers: [], body: { stream: readable } })));
    using client = await connectTcp(listener.port);
    await client.send(GET);
    assert.equal((await client.readHead()).status, 200);
    const writer = writable.getWriter();
    for (const part of ["a", "b"]) {
      void writer.write(encode(part));
      assert.equal(decode(await client.readBytes(6)), `1\r\n${part}\r\n`);
    }
    void writer.close();
    assert.equal(decode(await client.readBytes(5)), "0\r\n\r\n");
  },

  "breaks the answer when its stream fails or is shorter than announced": async (listen) => {
    const bodies: readonly (() => StreamBody)[] = [
      () => ({ stream: streamOf("ab", undefined) }),
      () => ({ stream: streamOf(undefined) }),
      () => ({ stream: streamOf("ab", undefined), length: 10 }),
      () => ({ stream: streamOf("ab"), length: 10 }),
    ];
    for (const body of bodies) {
      const answer = answered(listen, {
        body: body(),
        headers: body().length === undefined ? [] : [["Content-Length", "10"]],
      });
      await assert.rejects(answer, /ended|reset/i);
    }
  },

  "never sends more than announced": async (listen) => {
    await using listener = await listen(handlerOf(() => ({
      status: 200,
      headers: [["Content-Length", "3"]],
      body: { stream: streamOf("abc", "HTTP/1.1 200 OK\r\nX-Injected: b\r\n\r\n"), length: 3 },
    })));
    const { received } = await converse(listener, GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    assert.ok(!received.includes("X-Injected"), received);
  },

  "resets the connection when an answer breaks off that only its end would end": async (listen) => {
    await using listener = await listen(handlerOf(() => ({
      status: 200,
      headers: [],
      body: { stream: streamOf("ab", undefined) },
    })));
    assert.equal((await converse(listener, "GET / HTTP/1.0\r\nHost: h\r\n\r\n")).isReset, true);
  },

  "produces a stream only as fast as the client takes it": async (listen) => {
    const part = new Uint8Array(64 * 1024);
    let produced = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (produced === 1024) return controller.close();
        produced++;
        controller.enqueue(part.slice());
      },
    }, { highWaterMark: 0 });
    await using listener = await listen(
      handlerOf(() => ({ status: 200, headers: [], body: { stream, length: 1024 * part.length } })),
    );
    using client = await connectTcp(listener.port, { maxBytes: 1 << 27, timeoutMs: 30_000 });
    await client.send(GET);
    const standing = await settled(() => produced);
    assert.ok(standing < 512, `${standing} of 1024 parts were produced`);
    assert.equal((await client.readResponse()).body.length, 1024 * part.length);
  },

  "tells when the client leaves before the answer": async (listen) => {
    const reached = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    await using listener = await listen(handlerOf(async ({ signal }) => {
      signal.addEventListener("abort", () => left.resolve());
      reached.resolve();
      await left.promise;
      return { status: 200, headers: [], body: { stream: streamOf("late") } };
    }));
    using client = await connectTcp(listener.port);
    await client.send(GET);
    await reached.promise;
    client.close();
    await left.promise;
  },

  "tells when the client leaves during the answer, and cancels the stream": async (listen) => {
    const left = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    await using listener = await listen(handlerOf(({ signal }) => {
      signal.addEventListener("abort", () => left.resolve());
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(encode("first")),
        cancel: () => cancelled.resolve(),
      });
      return { status: 200, headers: [], body: { stream } };
    }));
    using client = await connectTcp(listener.port);
    await client.send(GET);
    await client.readHead();
    client.close();
    await Promise.all([left.promise, cancelled.promise]);
  },

  "says nothing of a client that leaves after the answer": async (listen) => {
    let signal: AbortSignal | undefined;
    await using listener = await listen(handlerOf((request) => {
      signal ??= request.signal;
      return { status: 200, headers: [], body: encode("a") };
    }));
    const client = await connectTcp(listener.port);
    await client.send(GET);
    await client.readResponse();
    client.close();
    // The listener has seen the end of the first connection when it has answered on another.
    await exchange(listener, GET);
    assert.equal(signal?.aborted, false);
  },
};
