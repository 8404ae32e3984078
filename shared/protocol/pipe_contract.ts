/**
 * What every message pipe does: one suite, which each implementation runs from its own test file.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { MessagePipe } from "./pipe.ts";
import { Recorder, turns } from "./pipe_recorder.ts";

/** Two ends of one pipe, both ready to be opened. Disposing it frees what they hold, whatever state they are in. */
export type PipePair = [MessagePipe, MessagePipe] & AsyncDisposable;

/** How the suite is run. */
export interface PipeContractOptions {
  /** Cases that this pipe cannot pass, by their names, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
}

/** Sizes around the borders of WebSocket lengths, of a chunk, and of the largest frame, in bytes. */
const SIZES = [0, 1, 2, 125, 126, 127, 1000, 16_384, 65_535, 65_536, 65_537, 300_000, 1024 * 1024];

/**
 * Registers the suite.
 *
 * @param name What the pipe is called in the tests' names.
 * @param createPair Makes a fresh connected pair. Neither end has a receiver.
 */
export function testMessagePipe(
  name: string,
  createPair: () => Promise<PipePair>,
  options: PipeContractOptions = {},
): void {
  const skip = options.skip ?? {};
  const unknown = Object.keys(skip).filter((skipped) => !(skipped in CASES));
  if (unknown.length > 0) throw new RangeError(`Cannot skip unknown cases: ${unknown.join(", ")}`);
  for (const [does, run] of Object.entries(CASES)) {
    const reason = skip[does];
    Deno.test({
      name: `${name} ${does}${reason === undefined ? "" : ` (cannot: ${reason})`}`,
      ignore: reason !== undefined,
      fn: async () => {
        await using pair = await createPair();
        await run(pair);
      },
    });
  }
}

const CASES: Readonly<Record<string, (pair: PipePair) => Promise<void>>> = {
  "delivers messages of every size in order, both ways at once": async ([left, right]) => {
    const [atLeft, atRight] = [new Recorder(left), new Recorder(right)];
    for (const [index, size] of SIZES.entries()) {
      left.send(message(size, index));
      right.send(message(size, index + 100));
    }
    await Promise.all([atLeft.received(SIZES.length), atRight.received(SIZES.length)]);
    assert.deepEqual(atRight.messages.map(digest), SIZES.map((size, index) => digest(message(size, index))));
    assert.deepEqual(atLeft.messages.map(digest), SIZES.map((size, index) => digest(message(size, index + 100))));
  },

  "delivers ten thousand small messages in order": async ([left, right]) => {
    const atRight = new Recorder(right);
    new Recorder(left);
    for (let index = 0; index < 10_000; index++) left.send(numbered(index));
    await atRight.received(10_000);
    assert.ok(atRight.messages.every((bytes, index) => numberOf(bytes) === index));
  },

  "gives its receiver bytes that belong to it": async ([left, right]) => {
    const received: number[][] = [];
    const done = Promise.withResolvers<void>();
    new Recorder(left);
    right.open({
      message(bytes) {
        received.push([...bytes]);
        new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).fill(0xff);
        if (received.length === 100) done.resolve();
      },
      closed: () => done.resolve(),
    });
    for (let index = 0; index < 100; index++) left.send(new Uint8Array([index, index]));
    await done.promise;
    assert.deepEqual(received, Array.from({ length: 100 }, (_, index) => [index, index]));
  },

  "open() delivers what was sent before it": async ([left, right]) => {
    new Recorder(left);
    for (let index = 0; index < 5; index++) left.send(numbered(index));
    await turns();
    const atRight = new Recorder(right);
    left.send(numbered(5));
    await atRight.received(6);
    assert.deepEqual(atRight.messages.map(numberOf), [0, 1, 2, 3, 4, 5]);
  },

  "open() delivers what was sent before it when the other side has closed since": async ([left, right]) => {
    new Recorder(left);
    for (let index = 0; index < 5; index++) left.send(numbered(index));
    left.close(4000, "early");
    await turns();
    const atRight = new Recorder(right);
    assert.deepEqual(await atRight.end, [4000, "early"]);
    await atRight.saysNothingMore();
    assert.deepEqual(atRight.messages.map(numberOf), [0, 1, 2, 3, 4]);
  },

  "open() hands over to another receiver from within a message, without loss or repetition": async ([left, right]) => {
    new Recorder(left);
    for (let index = 0; index < 10; index++) left.send(numbered(index));
    const handed = handOver(right, 3);
    for (let index = 10; index < 20; index++) left.send(numbered(index));
    await handed.second.received(17);
    assert.deepEqual(handed.first, [0, 1, 2]);
    assert.deepEqual(handed.second.messages.map(numberOf), Array.from({ length: 17 }, (_, index) => index + 3));
  },

  "open() hands over what arrived early, and its end, to the receiver of the moment": async ([left, right]) => {
    new Recorder(left);
    for (let index = 0; index < 10; index++) left.send(numbered(index));
    left.close(4000, "early");
    await turns();
    const handed = handOver(right, 1);
    assert.deepEqual(await handed.second.end, [4000, "early"]);
    await handed.second.saysNothingMore();
    assert.deepEqual(handed.first, [0]);
    assert.equal(handed.closed, 0);
    assert.deepEqual(handed.second.messages.map(numberOf), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  },

  "close() tells both sides code and reason, after what was sent": async ([left, right]) => {
    const [atLeft, atRight] = [new Recorder(left), new Recorder(right)];
    for (let index = 0; index < 50; index++) left.send(message(20_000, index));
    left.close(4003, "not you");
    assert.deepEqual(await atRight.end, [4003, "not you"]);
    assert.equal(atRight.messages.length, 50);
    assert.deepEqual(await atLeft.end, [4003, "not you"]);
    await Promise.all([atLeft.saysNothingMore(), atRight.saysNothingMore()]);
  },

  "close() takes a reason of 123 bytes, an empty one, and every code the protocol has": async (pair) => {
    const [left, right] = pair;
    const [atLeft, atRight] = [new Recorder(left), new Recorder(right)];
    const reason = "\u00e9".repeat(61) + ".";
    right.close(1000, reason);
    assert.deepEqual(await atLeft.end, [1000, reason]);
    assert.deepEqual(await atRight.end, [1000, reason]);
  },

  "close() takes an empty reason": async ([left, right]) => {
    const [atLeft, atRight] = [new Recorder(left), new Recorder(right)];
    left.close(1001, "");
    assert.deepEqual(await atRight.end, [1001, ""]);
    assert.deepEqual(await atLeft.end, [1001, ""]);
  },

  "close() counts once; what follows it is harmless": async ([left, right]) => {
    const [atLeft, atRight] = [new Recorder(left), new Recorder(right)];
    left.close(4000, "first");
    left.close(4001, "second");
    left.send(numbered(1));
    assert.deepEqual(await atRight.end, [4000, "first"]);
    assert.deepEqual(await atLeft.end, [4000, "first"]);
    for (const pipe of [left, right]) {
      pipe.send(numbered(2));
      pipe.close(4001, "late");
      pipe.terminate();
    }
    await Promise.all([atLeft.saysNothingMore(), atRight.saysNothingMore()]);
    assert.equal(atRight.messages.length, 0);
    assert.equal(atLeft.messages.length, 0);
  },

  "close() from both sides at once ends each side once": async ([left, right]) => {
    const [atLeft, atRight] = [new Recorder(left), new Recorder(right)];
    left.close(4000, "left");
    right.close(4001, "right");
    await Promise.all([atLeft.end, atRight.end]);
    await Promise.all([atLeft.saysNothingMore(), atRight.saysNothingMore()]);
  },

  "close() from within a message ends the delivery": async ([left, right]) => {
    const atLeft = new Recorder(left);
    const seen: number[] = [];
    const ends: number[] = [];
    right.open({
      message(bytes) {
        seen.push(numberOf(bytes));
        right.terminate();
      },
      closed: (code) => void ends.push(code),
    });
    for (let index = 0; index < 100; index++) left.send(numbered(index));
    await atLeft.end;
    await turns();
    assert.deepEqual(seen, [0]);
    assert.deepEqual(ends, [1006]);
  },

  "close() before open() is told to the receiver that comes": async ([left, right]) => {
    left.close(4000, "changed my mind");
    const [atLeft, atRight] = [new Recorder(left), new Recorder(right)];
    assert.deepEqual(await atRight.end, [4000, "changed my mind"]);
    assert.deepEqual(await atLeft.end, [4000, "changed my mind"]);
    await atLeft.saysNothingMore();
  },

  "terminate() ends this side with 1006": async ([left, right]) => {
    const [atLeft, atRight] = [new Recorder(left), new Recorder(right)];
    left.terminate();
    left.send(numbered(1));
    left.terminate();
    left.close(1000, "late");
    assert.equal((await atLeft.end)[0], 1006);
    await atRight.end;
    await Promise.all([atLeft.saysNothingMore(), atRight.saysNothingMore()]);
    assert.equal(atRight.messages.length, 0);
  },

  "terminate() ends the other side with 1006": async ([left, right]) => {
    const [, atRight] = [new Recorder(left), new Recorder(right)];
    left.terminate();
    assert.deepEqual(await atRight.end, [1006, ""]);
  },

  "bufferedAmount goes back to 0": async ([left, right]) => {
    const atRight = new Recorder(right);
    new Recorder(left);
    assert.equal(left.bufferedAmount, 0);
    for (let index = 0; index < 40; index++) left.send(message(256 * 1024, index));
    await atRight.received(40);
    while (left.bufferedAmount > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(left.bufferedAmount, 0);
  },

  "bufferedAmount grows while the other side's process does not read": ([left]) => {
    for (let index = 0; index < 40; index++) left.send(message(1024 * 1024, index));
    assert.ok(left.bufferedAmount > 0);
    left.terminate();
    return Promise.resolve();
  },
};

/** Opens a pipe with a receiver that hands over to a {@link Recorder} from within its message number `count`. */
function handOver(pipe: MessagePipe, count: number): { first: number[]; second: Recorder; closed: number } {
  const handed = { first: [] as number[], second: new Recorder(), closed: 0 };
  pipe.open({
    message(bytes) {
      handed.first.push(numberOf(bytes));
      if (handed.first.length === count) pipe.open(handed.second);
    },
    closed: () => void handed.closed++,
  });
  return handed;
}

function message(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index += 97) bytes[index] = index + seed;
  return bytes;
}

function numbered(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
}

/** Size and a checksum: what differs shows, without megabytes in the message. */
function digest(bytes: Uint8Array): string {
  let sum = 0;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return `${bytes.length} bytes, ${sum}`;
}
