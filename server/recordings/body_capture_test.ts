import assert from "node:assert/strict";
import fc from "fast-check";
import { isStreamBody } from "../../shared/http/message.ts";
import { BodyCapture, MemoryBudget } from "./body_capture.ts";

function streamOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(pieces.map((piece) => piece.slice()));
}

async function read(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
}

function pass(capture: BodyCapture, stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const body = capture.through({ stream });
  assert.ok(isStreamBody(body));
  return body.stream;
}

Deno.test("through() passes every byte on and keeps the beginning", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 10 });
  await fc.assert(fc.asyncProperty(pieces, fc.nat({ max: 8_000 }), async (pieces, limit) => {
    const whole = new Uint8Array(pieces.flatMap((piece) => [...piece]));
    const budget = new MemoryBudget(100_000);
    const capture = new BodyCapture(limit, budget);
    assert.deepEqual(await read(pass(capture, streamOf(pieces))), whole);
    assert.deepEqual(new Uint8Array(capture.bytes), whole.slice(0, limit));
    assert.deepEqual([capture.sizeBytes, capture.isCut, capture.isComplete], [
      whole.length,
      whole.length > limit,
      true,
    ]);
    capture.release();
    assert.equal(budget.freeBytes, 100_000);
  }));
});

Deno.test("through() reads only when somebody reads", async () => {
  let pulls = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulls++;
      controller.enqueue(new Uint8Array(10));
    },
  }, { highWaterMark: 0 });
  const reader = pass(new BodyCapture(100, new MemoryBudget(100)), source).getReader();
  await Promise.resolve();
  assert.equal(pulls, 0);
  await reader.read();
  assert.equal(pulls, 1);
  await reader.cancel();
});

Deno.test("through() tells a source that nobody wants more, and keeps what came", async () => {
  let reason: unknown;
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array([1, 2])),
    cancel: (given) => void (reason = given),
  }, { highWaterMark: 0 });
  const capture = new BodyCapture(100, new MemoryBudget(100));
  const reader = pass(capture, source).getReader();
  await reader.read();
  await reader.cancel("enough");
  assert.equal(reason, "enough");
  assert.deepEqual([[...capture.bytes], capture.isComplete], [[1, 2], false]);
});

Deno.test("through() breaks off where its source does, read or not", async () => {
  const source = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error("broken")) });
  const reader = pass(new BodyCapture(100, new MemoryBudget(100)), source).getReader();
  await assert.rejects(reader.closed, /broken/);
});

Deno.test("through() keeps what a reader changes afterwards as it was", () => {
  const capture = new BodyCapture(100, new MemoryBudget(100));
  const bytes = new Uint8Array([1, 2, 3]);
  assert.equal(capture.through(bytes), bytes);
  bytes.fill(9);
  assert.deepEqual([...capture.bytes], [1, 2, 3]);
  assert.equal(capture.isComplete, true);
  assert.equal(capture.through(null), null);
});

Deno.test("bodies share one budget, and say that they were cut when it is used up", async () => {
  const budget = new MemoryBudget(5);
  const first = new BodyCapture(100, budget);
  const second = new BodyCapture(100, budget);
  assert.deepEqual(await read(pass(first, streamOf([new Uint8Array(4)]))), new Uint8Array(4));
  assert.deepEqual(await read(pass(second, streamOf([new Uint8Array(4), new Uint8Array(4)]))), new Uint8Array(8));
  assert.deepEqual([first.isCut, second.bytes.length, second.isCut, budget.freeBytes], [false, 1, true, 0]);
  first.release();
  first.release();
  assert.equal(budget.freeBytes, 4);
});

Deno.test("release() lets nothing be kept of what passes later", async () => {
  const budget = new MemoryBudget(100);
  const capture = new BodyCapture(100, budget);
  const stream = pass(capture, streamOf([new Uint8Array(10)]));
  capture.release();
  assert.deepEqual(await read(stream), new Uint8Array(10));
  assert.deepEqual([capture.bytes.length, budget.freeBytes], [0, 100]);
});
