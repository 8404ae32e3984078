import assert from "node:assert/strict";
import fc from "fast-check";
import { chunks } from "./chunks.ts";

const SIZES = [...Array.from({ length: 16 }, (_, index) => index + 1), 32, 64, 128];

Deno.test("chunks() gives everything in its order, in few sizes", () => {
  fc.assert(fc.property(fc.array(fc.integer(), { maxLength: 1_000 }), (list) => {
    const result = [...chunks(list)];
    assert.deepEqual(result.flat(), list);
    for (const { length } of result) assert.ok(SIZES.includes(length));
    assert.ok(result.length <= list.length / 128 + 4);
    if (list.length > 0 && list.length <= 16) assert.equal(result.length, 1);
  }));
});
