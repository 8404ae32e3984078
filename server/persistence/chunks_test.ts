import assert from "node:assert/strict";
import fc from "fast-check";
import { chunks } from "./chunks.ts";

Deno.test("chunks() gives everything in its order, in sizes that are powers of two up to 128", () => {
  fc.assert(fc.property(fc.array(fc.integer(), { maxLength: 1_000 }), (list) => {
    const result = [...chunks(list)];
    assert.deepEqual(result.flat(), list);
    for (const { length } of result) assert.ok([1, 2, 4, 8, 16, 32, 64, 128].includes(length));
    assert.ok(result.length <= list.length / 128 + 8);
  }));
});
