import assert from "node:assert/strict";
import { RelayError, type RelayErrorCode } from "../../shared/errors/relay_error.ts";
import type { StreamBody } from "../../shared/http/message.ts";
import { blocks, FakeTime, readAll, streamOf } from "../../shared/protocol/testing.ts";
import { countBody, watchBody } from "./response_body.ts";

type End = [bytes: number, code: RelayErrorCode | undefined];

/** A watched body, and how it ended; more than one entry is one too many. */
function watch(body: StreamBody, idleTimeoutMs?: number): { stream: ReadableStream<Uint8Array>; ends: End[] } {
  const ends: End[] = [];
  const stream = watchBody(body, { idleTimeoutMs }, (bytes, error) => void ends.push([bytes, error?.code]));
  return { stream, ends };
}

/** Sends one block, then fails. */
function* broken(error: Error): Generator<Uint8Array> {
  yield new Uint8Array(10);
  throw error;
}

Deno.test("watchBody() passes a body through and says once how long it was", async () => {
  for (const idleTimeoutMs of [undefined, 10_000]) {
    const { stream, ends } = watch(streamOf(blocks(3, 1000)), idleTimeoutMs);
    assert.deepEqual(await readAll({ stream }), await readAll(streamOf(blocks(3, 1000))));
    assert.deepEqual(ends, [[3000, undefined]]);
  }
});

Deno.test("watchBody() breaks off as the body does", async () => {
  const lost = watch(streamOf(broken(new RelayError("connector_lost", "Gone"))));
  await assert.rejects(readAll(lost), { code: "connector_lost" });
  assert.deepEqual(lost.ends, [[10, "connector_lost"]]);
  const unforeseen = watch(streamOf(broken(new TypeError("Oops"))));
  await assert.rejects(readAll(unforeseen), TypeError);
  assert.deepEqual(unforeseen.ends, [[10, "internal_error"]]);
});

Deno.test("watchBody() cancels the body when the client leaves", async () => {
  const reasons: unknown[] = [];
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(10)),
    cancel: (reason) => void reasons.push(reason),
  }, { highWaterMark: 0 });
  const { stream, ends } = watch({ stream: source });
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel("left");
  assert.deepEqual(reasons, ["left"]);
  assert.deepEqual(ends, [[10, "client_gone"]]);
});

Deno.test("watchBody() cancels the body of a target that stops sending", async () => {
  const cancelled = Promise.withResolvers<RelayError>();
  const { stream, ends } = watch({ stream: new ReadableStream({ cancel: cancelled.resolve }) }, 1);
  await assert.rejects(readAll({ stream }), { code: "target_timeout" });
  assert.equal((await cancelled.promise).code, "target_timeout");
  assert.deepEqual(ends, [[0, "target_timeout"]]);
});

Deno.test("watchBody() gives target and client the whole time each, for every chunk", async () => {
  using time = new FakeTime();
  const { stream, ends } = watch(streamOf(blocks(2, 10)), 20);
  const reader = stream.getReader();
  time.pass(40);
  await reader.read();
  time.pass(19);
  assert.equal((await reader.read()).done, false);
  time.pass(19);
  assert.equal((await reader.read()).done, true);
  assert.deepEqual(ends, [[20, undefined]]);
});

Deno.test("watchBody() gives up a client that stops reading, and cancels the body", async () => {
  using time = new FakeTime();
  const reasons: RelayError[] = [];
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(10)),
    cancel: (reason) => void reasons.push(reason),
  }, { highWaterMark: 0 });
  const { stream, ends } = watch({ stream: source }, 20);
  const reader = stream.getReader();
  await reader.read();
  time.pass(20);
  assert.deepEqual(ends, [[10, "client_gone"]]);
  assert.deepEqual(reasons.map(({ code }) => code), ["client_gone"]);
  await assert.rejects(reader.read(), { code: "client_gone" });
});

Deno.test("watchBody() tells at once of a body that breaks off while the client does not read", async () => {
  let breakOff = (_error: Error) => {};
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => void (breakOff = (e) => controller.error(e)),
  });
  const { stream, ends } = watch({ stream: source });
  const reader = stream.getReader();
  breakOff(new RelayError("connector_lost", "Gone"));
  await assert.rejects(reader.closed, { code: "connector_lost" });
  assert.deepEqual(ends, [[0, "connector_lost"]]);
});

Deno.test("watchBody() reads nothing before the client does", () => {
  const { ends } = watch({ stream: new ReadableStream({ pull: () => assert.fail("read") }, { highWaterMark: 0 }) });
  assert.deepEqual(ends, []);
});

Deno.test("countBody() breaks off as the body does, read or not", async () => {
  let breakOff = (_error: Error) => {};
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => void (breakOff = (e) => controller.error(e)),
  });
  const { stream, ends } = watch(countBody({ stream: source }, () => assert.fail("counted")));
  const reader = stream.getReader();
  breakOff(new RelayError("connector_lost", "Gone"));
  await assert.rejects(reader.closed, { code: "connector_lost" });
  assert.deepEqual(ends, [[0, "connector_lost"]]);
});
