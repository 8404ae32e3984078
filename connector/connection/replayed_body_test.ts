import assert from "node:assert/strict";
import { ReplayedBody } from "./replayed_body.ts";

const PIECE_BYTES = 64 * 1024;

function bodyOf(pieces: number, end?: Error) {
  let index = 0;
  const cancelled = Promise.withResolvers<unknown>();
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (index < pieces) controller.enqueue(new Uint8Array(PIECE_BYTES).fill(index++));
      else if (end !== undefined) controller.error(end);
      else controller.close();
    },
    cancel: cancelled.resolve,
  }, { highWaterMark: 0 });
  return { body: { stream, length: pieces * PIECE_BYTES }, cancelled: cancelled.promise };
}

async function read(stream: ReadableStream<Uint8Array>, pieces = Infinity): Promise<number[]> {
  const seen: number[] = [];
  const reader = stream.getReader();
  while (seen.length < pieces) {
    const { done, value } = await reader.read();
    if (done) break;
    seen.push(value[0]!);
  }
  await reader.cancel();
  return seen;
}

const never = new Promise<void>(() => {});

Deno.test("again() gives the whole body when the first way ended early", async () => {
  const replayed = new ReplayedBody(bodyOf(6).body, never);
  assert.deepEqual(await read(replayed.first.stream, 3), [0, 1, 2]);
  const again = replayed.again();
  assert.equal(again?.length, 6 * PIECE_BYTES);
  assert.deepEqual(await read(again.stream), [0, 1, 2, 3, 4, 5]);
});

Deno.test("again() loses nothing of what the first way was waiting for", async () => {
  const replayed = new ReplayedBody(bodyOf(3).body, never);
  const reader = replayed.first.stream.getReader();
  await reader.read();
  const waiting = reader.read();
  const again = replayed.again();
  assert.deepEqual(await read(again!.stream), [0, 1, 2]);
  await waiting;
});

Deno.test("the first way is given no more than can be kept until the gate opens, and then there is no beginning again", async () => {
  const gate = Promise.withResolvers<void>();
  const replayed = new ReplayedBody(bodyOf(8).body, gate.promise);
  const reader = replayed.first.stream.getReader();
  for (let index = 0; index < 4; index++) assert.equal((await reader.read()).value?.[0], index);
  const fifth = reader.read();
  assert.equal(await Promise.race([fifth.then(() => "read"), Promise.resolve("waits")]), "waits");
  gate.resolve();
  assert.equal((await fifth).value?.[0], 4);
  await replayed.begun;
  assert.equal(replayed.again(), undefined);
});

Deno.test("a gate that opens after the first way has ended takes nothing from the second", async () => {
  const gate = Promise.withResolvers<void>();
  const replayed = new ReplayedBody(bodyOf(8).body, gate.promise);
  const reader = replayed.first.stream.getReader();
  for (let index = 0; index < 4; index++) await reader.read();
  const fifth = reader.read();
  const again = replayed.again();
  gate.resolve();
  assert.equal((await fifth).done, true);
  assert.deepEqual(await read(again!.stream), [0, 1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("a body that breaks off says so to both ways", async () => {
  const replayed = new ReplayedBody(bodyOf(1, new Error("broken")).body, never);
  await assert.rejects(read(replayed.first.stream), { message: "broken" });
  assert.equal(replayed.hasFailed, true);
  await assert.rejects(read(replayed.again()!.stream), { message: "broken" });
});

Deno.test("cancel() reaches the body", async () => {
  const { body, cancelled } = bodyOf(3);
  const replayed = new ReplayedBody(body, never);
  await read(replayed.first.stream, 1);
  replayed.cancel("enough");
  assert.equal(await cancelled, "enough");
});
