import assert from "node:assert/strict";
import type { StreamBody } from "../http/message.ts";
import { BodySender } from "./body_sender.ts";
import { CHUNK_BYTES } from "./frame.ts";
import { blocks, streamOf, turn } from "./testing.ts";

type Piece = readonly [sizeBytes: number, hasMore: boolean];

function setUp(body: StreamBody, creditBytes: number) {
  const pieces: Piece[] = [];
  const sender = new BodySender(
    {
      send: (chunk, hasMore) => void pieces.push([chunk.length, hasMore]),
      whenWritable: () => undefined,
    },
    body,
    creditBytes,
  );
  return { sender, pieces };
}

/** A source that the test feeds, and that tells whether it was cancelled. */
function source() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: (reason) => void cancelled.push(reason),
  }, { highWaterMark: 0 });
  return { stream, controller, cancelled };
}

Deno.test("run() cuts chunks into pieces of at most 64 KiB and marks the last one of a known length", async () => {
  const { sender, pieces } = setUp(streamOf([new Uint8Array(200_000)], 200_000), 1_000_000);
  assert.equal(await sender.run(), true);
  assert.deepEqual(pieces, [[CHUNK_BYTES, true], [CHUNK_BYTES, true], [CHUNK_BYTES, true], [3392, false]]);
});

Deno.test("run() ends a body of unknown length with an empty frame", async () => {
  const { sender, pieces } = setUp(streamOf([new Uint8Array(5), new Uint8Array(0), new Uint8Array(6)]), 1000);
  assert.equal(await sender.run(), true);
  assert.deepEqual(pieces, [[5, true], [6, true], [0, false]]);
});

for (const length of [0, undefined]) {
  for (const chunks of [[], [new Uint8Array(0)]]) {
    Deno.test(`run() sends one empty frame, without credit, when ${chunks.length} chunks come and length is ${length}`, async () => {
      const { sender, pieces } = setUp(streamOf(chunks, length), 0);
      assert.equal(await sender.run(), true);
      assert.deepEqual(pieces, [[0, false]]);
    });
  }
}

Deno.test("run() sends exactly its credit, then waits for more", async () => {
  const { sender, pieces } = setUp(streamOf([new Uint8Array(100)], 100), 30);
  const done = sender.run();
  await turn();
  assert.deepEqual(pieces, [[30, true]]);
  sender.addCredit(1);
  await turn();
  assert.deepEqual(pieces.slice(1), [[1, true]]);
  sender.addCredit(69);
  assert.equal(await done, true);
  assert.deepEqual(pieces.slice(2), [[69, false]]);
});

Deno.test("addCredit() may be called any number of times with the largest credit", async () => {
  const { sender, pieces } = setUp(streamOf(blocks(3), 3 * 65_536), 0);
  for (let index = 0; index < 3_000_000; index++) sender.addCredit(0xffff_ffff);
  assert.equal(await sender.run(), true);
  assert.deepEqual(pieces, [[65_536, true], [65_536, true], [65_536, false]]);
});

Deno.test("run() waits while the socket is full", async () => {
  const room = Promise.withResolvers<void>();
  const pieces: number[] = [];
  const sender = new BodySender(
    {
      send: (chunk) => void pieces.push(chunk.length),
      whenWritable: () => room.promise,
    },
    streamOf(blocks(1, 10), 10),
    100,
  );
  const done = sender.run();
  await turn();
  assert.deepEqual(pieces, []);
  room.resolve();
  assert.equal(await done, true);
  assert.deepEqual(pieces, [10]);
});

Deno.test("run() rejects with what the source failed with, and sends no last frame", async () => {
  function* broken() {
    yield new Uint8Array(10);
    throw new Error("source died");
  }
  for (const length of [undefined, 20]) {
    const { sender, pieces } = setUp(streamOf(broken(), length), 100);
    await assert.rejects(sender.run(), { message: "source died" });
    assert.deepEqual(pieces, [[10, true]]);
    sender.stop(new Error("after"));
  }
});

Deno.test("run() rejects when the source is shorter than its length, and sends no last frame", async () => {
  const { sender, pieces } = setUp(streamOf(blocks(1, 9), 10), 100);
  await assert.rejects(sender.run(), RangeError);
  assert.deepEqual(pieces, [[9, true]]);
});

Deno.test("run() rejects when the source is longer than its length, before the byte too many is sent", async () => {
  const { sender, pieces } = setUp(streamOf([new Uint8Array(5), new Uint8Array(6)], 10), 100);
  await assert.rejects(sender.run(), RangeError);
  assert.deepEqual(pieces, [[5, true]]);
});

Deno.test("stop() cancels the source with its reason while run() waits for credit", async () => {
  const { stream, controller, cancelled } = source();
  const { sender, pieces } = setUp({ stream }, 0);
  const done = sender.run();
  controller.enqueue(new Uint8Array(10));
  await turn();
  sender.stop("enough");
  sender.stop("twice");
  assert.equal(await done, false);
  assert.deepEqual(cancelled, ["enough"]);
  sender.addCredit(100);
  await turn();
  assert.deepEqual(pieces, []);
});

Deno.test("stop() ends a run() that waits for its source", async () => {
  const { stream, cancelled } = source();
  const { sender } = setUp({ stream }, 100);
  const done = sender.run();
  await turn();
  sender.stop("enough");
  assert.equal(await done, false);
  assert.deepEqual(cancelled, ["enough"]);
});

Deno.test("stop() ends a run() that waits for the socket", async () => {
  const room = Promise.withResolvers<void>();
  const { stream, controller } = source();
  const sent: number[] = [];
  const sender = new BodySender(
    { send: (chunk) => void sent.push(chunk.length), whenWritable: () => room.promise },
    { stream },
    100,
  );
  const done = sender.run();
  controller.enqueue(new Uint8Array(1));
  await turn();
  sender.stop("enough");
  room.resolve();
  assert.equal(await done, false);
  assert.deepEqual(sent, []);
});

Deno.test("stop() leaves no unhandled rejection when the source fails while it is cancelled, or has failed before", async () => {
  const failing = new ReadableStream<Uint8Array>({ cancel: () => Promise.reject(new Error("cannot cancel")) });
  const { sender } = setUp({ stream: failing }, 0);
  const done = sender.run();
  sender.stop("enough");
  assert.equal(await done, false);

  const { stream, controller } = source();
  const second = setUp({ stream }, 0);
  const secondDone = assert.rejects(second.sender.run(), { message: "died while nobody looked" });
  controller.enqueue(new Uint8Array(1));
  await turn();
  controller.error(new Error("died while nobody looked"));
  await turn();
  second.sender.stop("enough");
  await secondDone;
});

Deno.test("run() rejects at once when its source fails while it waits for credit", async () => {
  const { stream, controller } = source();
  const { sender } = setUp({ stream }, 0);
  const done = sender.run();
  controller.enqueue(new Uint8Array(1));
  await turn();
  controller.error(new Error("client left"));
  await assert.rejects(done, { message: "client left" });
});

Deno.test("bodies take turns, piece by piece", async () => {
  const order: string[] = [];
  const make = (name: string) =>
    new BodySender(
      { send: () => void order.push(name), whenWritable: () => undefined },
      streamOf([new Uint8Array(CHUNK_BYTES * 20)], CHUNK_BYTES * 20),
      Infinity,
    );
  await Promise.all([make("a").run(), make("b").run()]);
  assert.equal(order.length, 40);
  assert.doesNotMatch(order.join(""), /aaa|bbb/);
});
