import assert from "node:assert/strict";
import fc from "fast-check";
import { formatSize, parseSize } from "./size.ts";

for (
  const [text, bytes] of [["0", 0], ["65536", 65_536], ["64KiB", 65_536], ["64 kib", 65_536], ["1MiB", 1_048_576], [
    "1.5KiB",
    1_536,
  ], [
    "1GiB",
    1_073_741_824,
  ]] as const
) {
  Deno.test(`parseSize() reads ${text}`, () => assert.equal(parseSize(text), bytes));
}

for (const text of ["", "KiB", "-1", "64KB", "64K", "1e3", "0.3", "1.0001KiB", "9".repeat(17)]) {
  Deno.test(`parseSize() refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseSize(text), RangeError));
}

Deno.test("formatSize() takes the largest unit without a fraction", () => {
  assert.deepEqual([0, 1000, 1024, 1536, 1048576, 2 ** 30].map(formatSize), [
    "0",
    "1000",
    "1KiB",
    "1536",
    "1MiB",
    "1GiB",
  ]);
});

Deno.test("formatSize() writes what parseSize() reads", () => {
  fc.assert(fc.property(fc.nat(2 ** 45), (bytes) => parseSize(formatSize(bytes)) === bytes));
});
