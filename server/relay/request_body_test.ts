import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { type Body, isStreamBody } from "../../shared/http/message.ts";
import { readAll, streamOf } from "../../shared/protocol/testing.ts";
import type { ListenerBody } from "../listener/listener.ts";
import { type RequestBodyLimits, takeBody } from "./request_body.ts";

const LIMITS: RequestBodyLimits = { inlineBodyLimitBytes: 4, maxBodyBytes: 8, idleTimeoutMs: 10_000 };

/** A client's body of these sizes; `undefined` breaks off. */
function bodyOf(sizes: readonly (number | undefined)[], length?: number): ListenerBody {
  const { stream } = streamOf(function* () {
    for (const size of sizes) {
      if (size === undefined) throw new Error("The client broke off");
      yield new Uint8Array(size);
    }
  }());
  return { length, bytes: () => readAll({ stream }), stream: () => stream };
}

/** A client that sends nothing. */
function silentBody(length?: number): ListenerBody {
  return { length, bytes: () => new Promise(() => {}), stream: () => new ReadableStream() };
}

/** Takes a body and reads it: its length, and the pieces that were counted. */
async function take(source: ListenerBody | null, limits: Partial<RequestBodyLimits> = {}) {
  const counted: number[] = [];
  const body: Body = await takeBody(source, { ...LIMITS, ...limits }, (bytes) => void counted.push(bytes));
  const isStreamed = isStreamBody(body);
  return { isStreamed, announced: isStreamed ? body.length : undefined, length: (await readAll(body)).length, counted };
}

Deno.test("takeBody() keeps no body apart from an empty one", async () => {
  assert.equal(await takeBody(null, LIMITS, () => assert.fail("counted")), null);
  assert.deepEqual(await takeBody(bodyOf([], 0), LIMITS, () => {}), new Uint8Array(0));
});

Deno.test("takeBody() reads a small body of known length into memory, and streams any other", async () => {
  const read = { isStreamed: false, announced: undefined };
  assert.deepEqual(await take(bodyOf([2, 2], 4)), { ...read, length: 4, counted: [4] });
  assert.deepEqual(await take(bodyOf([3, 2], 5)), { isStreamed: true, announced: 5, length: 5, counted: [3, 2] });
  assert.deepEqual(await take(bodyOf([1])), { isStreamed: true, announced: undefined, length: 1, counted: [1] });
});

Deno.test("takeBody() refuses a body that announces too much, unread", async () => {
  const unread: ListenerBody = { length: 9, bytes: () => assert.fail("read"), stream: () => assert.fail("read") };
  await assert.rejects(take(unread), { code: "body_too_large" });
  assert.equal((await take(bodyOf([9], 9), { maxBodyBytes: undefined })).length, 9);
});

Deno.test("takeBody() breaks a stream off that turns out too large, and does not count what is over", async () => {
  const counted: number[] = [];
  const body = await takeBody(bodyOf([5, 3, 1]), LIMITS, (bytes) => void counted.push(bytes));
  await assert.rejects(readAll(body), { code: "body_too_large" });
  assert.deepEqual(counted, [5, 3]);
  assert.equal((await take(bodyOf([5, 3]))).length, 8);
});

Deno.test("takeBody() fails with client_gone and the cause when the client breaks off", async () => {
  for (const length of [4, 5, undefined]) {
    await assert.rejects(take(bodyOf([1, undefined], length)), (error: RelayError) => {
      assert.equal(error.code, "client_gone");
      assert.match(String(error.cause), /The client broke off/);
      return true;
    });
  }
});

Deno.test("takeBody() keeps what a listener says went wrong", async () => {
  const error = new RelayError("request_timeout", "Too slow");
  const body: ListenerBody = { length: 1, bytes: () => Promise.reject(error), stream: () => assert.fail("streamed") };
  await assert.rejects(take(body), error);
});

Deno.test("takeBody() fails with request_timeout when the client sends nothing for too long", async () => {
  for (const length of [4, 5, undefined]) {
    await assert.rejects(take(silentBody(length), { idleTimeoutMs: 1 }), { code: "request_timeout" });
  }
});

Deno.test("takeBody() reads nothing of a stream before it is asked to, and passes a cancel on", async () => {
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({
    pull: () => assert.fail("read"),
    cancel: (reason) => void cancelled.push(reason),
  }, { highWaterMark: 0 });
  const body = await takeBody(
    { length: undefined, bytes: () => assert.fail("read"), stream: () => stream },
    LIMITS,
    () => {},
  );
  assert.ok(isStreamBody(body));
  await body.stream.cancel("enough");
  assert.deepEqual(cancelled, ["enough"]);
});
