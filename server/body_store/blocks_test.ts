import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Blocks } from "./blocks.ts";

Deno.test("Blocks.take() gives what was added, in pieces of any size, once", () => {
  const blocks = new Blocks();
  const bytes = Uint8Array.from({ length: 400_000 }, (_, index) => index % 251);
  let offset = 0;
  for (const sizeBytes of [1, 0, 2, 100, 65_535, 65_536, 3, 200_000, 1]) {
    blocks.add(bytes.subarray(offset, offset += sizeBytes));
  }
  assert.equal(blocks.sizeBytes, offset);
  assert.deepEqual(Buffer.concat(blocks.take()), Buffer.from(bytes.subarray(0, offset)));
  assert.equal(blocks.sizeBytes, 0);
  assert.deepEqual(blocks.take(), []);
  blocks.add(Uint8Array.of(7));
  assert.deepEqual(blocks.take(), [Uint8Array.of(7)]);
});

Deno.test("Blocks keep many bytes that came one by one in few blocks", () => {
  const blocks = new Blocks();
  for (let index = 0; index < 200_000; index++) blocks.add(Uint8Array.of(index & 0xff));
  const taken = blocks.take();
  assert.ok(taken.length <= 25, `${taken.length}`);
  assert.ok(taken.every(({ byteLength, buffer }) => buffer.byteLength === byteLength));
  assert.equal(Buffer.concat(taken).every((byte, index) => byte === (index & 0xff)), true);
});
