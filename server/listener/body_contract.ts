/**
 * The contract's part about request bodies.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import { settled } from "../../tests/testkit/bodies.ts";
import { connectTcp } from "../../tests/testkit/tcp.ts";
import {
  converse,
  decode,
  describeRequest,
  exchange,
  handlerOf,
  type Listen,
  type ListenerCases,
  statusesIn,
  textAnswer,
} from "./testing.ts";
import type { ListenerRequest } from "./listener.ts";

const CHUNKED = "Transfer-Encoding: chunked\r\n";

/** How often, how large: more than sockets hold between two processes. */
const PIECE = new Uint8Array(64 * 1024);
const PIECES = 1024;

function post(lines: string, body = "", method = "POST"): string {
  return `${method} / HTTP/1.1\r\nHost: h\r\n${lines}\r\n${body}`;
}

/** Answers with the body, and has read nothing of it yet. */
function echo(status: number, body: ListenerRequest["body"]): RelayResponse {
  return { status, headers: [["Content-Length", String(body!.length)]], body: { stream: body!.stream() } };
}

async function readAll({ body }: ListenerRequest): Promise<string> {
  let text = "";
  for await (const bytes of body?.stream() ?? []) text += decode(bytes);
  return `${body?.length} ${text}`;
}

/** Sends the beginning of a body, leaves when it is being read, and returns what the reader got. */
async function breakOff(listen: Listen, lines: string, read: (request: ListenerRequest) => Promise<unknown>) {
  const reading = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<string>();
  await using listener = await listen(handlerOf((request) => {
    read(request).then(() => outcome.resolve("complete"), () => outcome.resolve("broken off"));
    reading.resolve();
    return outcome.promise.then(textAnswer);
  }));
  using client = await connectTcp(listener.port);
  await client.send(post(lines, lines === CHUNKED ? "3\r\nabc\r\n" : "abc"));
  await reading.promise;
  client.close();
  return await outcome.promise;
}

/** Cases by name. */
export const bodyCases: ListenerCases = {
  "has no body without framing, or with length 0": async (listen) => {
    for (
      const [method, lines] of [["GET", ""], ["POST", ""], ["POST", "Content-Length: 0\r\n"], ["DELETE", ""]] as const
    ) {
      assert.equal(await describeRequest(listen, post(lines, "", method), ({ body }) => `${body}`), "null");
    }
  },

  "reads a body of known length at once": async (listen) => {
    for (const size of [1, 3, 1000, 65_536, 300_000]) {
      const text = "x".repeat(size);
      const read = async ({ body }: ListenerRequest) => `${body?.length} ${decode(await body!.bytes())}`;
      assert.equal(await describeRequest(listen, post(`Content-Length: ${size}\r\n`, text), read), `${size} ${text}`);
    }
  },

  "reads a body as a stream, chunked or not": async (listen) => {
    assert.equal(await describeRequest(listen, post("Content-Length: 3\r\n", "abc"), readAll), "3 abc");
    const chunks = "1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n";
    assert.equal(await describeRequest(listen, post(CHUNKED, chunks), readAll), "undefined abc");
    assert.equal(await describeRequest(listen, post(CHUNKED, "0\r\n\r\n"), readAll), "undefined ");
    const large = "x".repeat(300_000);
    assert.equal(await describeRequest(listen, post("Content-Length: 300000\r\n", large), readAll), `300000 ${large}`);
  },

  "refuses chunks in HTTP/1.0, and ends the connection": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("taken")));
    const request = post(`Connection: keep-alive\r\n${CHUNKED}`, "3\r\nabc\r\n0\r\n\r\n").replace("1.1", "1.0");
    assert.deepEqual(statusesIn(await converse(listener, request + request)), [400]);
  },

  "takes a body with every method that usually has one, and some that do not": async (listen) => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]) {
      assert.equal(
        await describeRequest(listen, post("Content-Length: 3\r\n", "abc", method), readAll),
        "3 abc",
        method,
      );
    }
  },

  "takes a body with GET and HEAD": async (listen) => {
    for (const [lines, body] of [["Content-Length: 3\r\n", "abc"], [CHUNKED, "3\r\nabc\r\n0\r\n\r\n"]] as const) {
      const seen: string[] = [];
      await using listener = await listen(handlerOf(async (request) => {
        seen.push((await readAll(request)).split(" ")[1]!);
        return textAnswer("");
      }));
      await exchange(listener, post(lines, body, "GET"));
      await exchange(listener, post(lines, body, "HEAD"));
      assert.deepEqual(seen, ["abc", "abc"]);
    }
  },

  "gives each part of a body on as it arrives, and answers while it arrives": async (listen) => {
    await using listener = await listen(handlerOf(({ body }) => ({
      status: 200,
      headers: [],
      body: { stream: body!.stream() },
    })));
    using client = await connectTcp(listener.port);
    await client.send(post("Content-Length: 6\r\n"));
    for (const part of ["a", "bc", "def"]) {
      await client.send(part);
      if (part === "a") await client.readHead();
      const size = part.length.toString(16);
      assert.equal(decode(await client.readBytes(size.length + part.length + 4)), `${size}\r\n${part}\r\n`);
    }
    assert.equal(decode(await client.readBytes(5)), "0\r\n\r\n");
  },

  "stops the client while nobody reads": async (listen) => {
    const done = Promise.withResolvers<void>();
    await using listener = await listen(handlerOf(async ({ body }) => {
      const reader = body!.stream().getReader();
      await reader.read();
      await done.promise;
      for (let part = await reader.read(); !part.done; part = await reader.read());
      return textAnswer("taken");
    }));
    using client = await connectTcp(listener.port, { timeoutMs: 30_000 });
    await client.send(post(`Content-Length: ${PIECE.length * PIECES}\r\n`));
    let sent = 0;
    const sending = (async () => {
      for (; sent < PIECES; sent++) await client.send(PIECE);
    })();
    const stopped = await settled(() => sent);
    assert.ok(stopped < PIECES / 2, `${stopped} of ${PIECES} pieces were taken`);
    done.resolve();
    await sending;
    assert.equal((await client.readResponse()).status, 200);
  },

  "fails to read a body that breaks off, at once or as a stream": async (listen) => {
    const bytes = ({ body }: ListenerRequest) => body!.bytes();
    assert.equal(await breakOff(listen, "Content-Length: 10\r\n", bytes), "broken off");
    assert.equal(await breakOff(listen, "Content-Length: 10\r\n", readAll), "broken off");
    assert.equal(await breakOff(listen, CHUNKED, readAll), "broken off");
  },

  "answers before it has read the body, and the client can read the answer though it goes on sending": async (
    listen,
  ) => {
    await using listener = await listen(handlerOf(() => textAnswer("too large", 413)));
    for (const size of [10, PIECE.length * 64]) {
      using client = await connectTcp(listener.port);
      await client.send(post(`Content-Length: ${size}\r\n`, "abc"));
      const { status, body } = await client.readResponse();
      assert.deepEqual([status, decode(body)], [413, "too large"]);
      for (let left = size - 3; left > 0; left -= PIECE.length) await client.send(PIECE.subarray(0, left));
      // The connection is still in step, or closed.
      await client.send(post("")).catch(() => {});
      const next = await client.readResponse().then(({ status }) => status, () => "closed");
      assert.ok(next === 413 || next === "closed", String(next));
    }
  },

  "lets the client read an answer that ends the connection though it goes on sending": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("too large", 413)));
    const request = post(`Connection: close\r\nContent-Length: ${PIECE.length * 64}\r\n`);
    for (const head of [request, request.replace("HTTP/1.1", "HTTP/1.0")]) {
      using client = await connectTcp(listener.port);
      await client.send(head);
      assert.equal((await client.readHead()).status, 413);
      for (let sent = 0; sent < 64; sent++) await client.send(PIECE);
      assert.equal(decode(await client.readToEnd()), "too large");
    }
  },

  "lets a handler cancel a body and answer": async (listen) => {
    await using listener = await listen(handlerOf(async ({ body }) => {
      const reader = body!.stream().getReader();
      await reader.read();
      await reader.cancel();
      return textAnswer("enough", 413);
    }));
    using client = await connectTcp(listener.port);
    await client.send(post("Content-Length: 1000000\r\n", "abc"));
    assert.equal((await client.readResponse()).status, 413);
  },

  "sends 100 Continue when the body is wanted": async (listen) => {
    await using listener = await listen(handlerOf(async ({ body }) => textAnswer(decode(await body!.bytes()))));
    using client = await connectTcp(listener.port);
    await client.send(post("Content-Length: 3\r\nExpect: 100-continue\r\n"));
    assert.equal((await client.readHead()).status, 100);
    await client.send("abc");
    assert.equal(decode((await client.readResponse()).body), "abc");
  },

  "sends 100 Continue before an answer that begins before the body is read": async (listen) => {
    await using listener = await listen(handlerOf(({ body }) => echo(200, body)));
    using client = await connectTcp(listener.port);
    await client.send(post("Content-Length: 3\r\nExpect: 100-continue\r\n"));
    assert.equal((await client.readHead()).status, 100);
    assert.equal((await client.readHead()).status, 200);
    await client.send("abc");
    assert.equal(decode(await client.readBytes(3)), "abc");
  },

  "sends no 100 Continue in the middle of an answer": async (listen) => {
    await using listener = await listen(handlerOf(({ body }) => echo(404, body)));
    using client = await connectTcp(listener.port);
    await client.send(post("Content-Length: 3\r\nExpect: 100-continue\r\n"));
    assert.equal((await client.readHead()).status, 404);
    await client.send("abc");
    assert.equal(decode(await client.readBytes(3)), "abc");
  },

  "sends no 100 Continue when the body is refused": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("no", 401)));
    using client = await connectTcp(listener.port);
    await client.send(post("Content-Length: 3\r\nExpect: 100-continue\r\n"));
    const { status, headers } = await client.readResponse();
    assert.equal(status, 401);
    // Whether the body follows is the client's choice: what comes next could be taken for it.
    assert.equal(headers.find(([name]) => name.toLowerCase() === "connection")?.[1], "close");
    assert.equal((await client.readToEnd()).length, 0);
  },

  "is a web standard request when asked": async (listen) => {
    const described = await describeRequest(
      listen,
      post("Content-Length: 3\r\nX-A: \u00e4\r\n", "abc", "PUT"),
      async (request) => {
        const web = request.toRequest();
        const { pathname } = new URL(web.url);
        return `${web.method} ${pathname} ${web.headers.get("x-a")} ${await web.text()}`;
      },
    );
    assert.equal(described, "PUT / \u00e4 abc");
  },

  "is a web standard request with its own path, or none": async (listen) => {
    for (const target of ["/a/../b", "/a/%2e%2E/b", "/./a"]) {
      const described = await describeRequest(listen, `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`, (request) => {
        try {
          return request.toRequest().url.slice("http://h".length);
        } catch (error) {
          return error instanceof RelayError && error.code === "not_found" ? target : String(error);
        }
      });
      assert.equal(described, target);
    }
  },
};
