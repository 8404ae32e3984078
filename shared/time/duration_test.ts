import assert from "node:assert/strict";
import fc from "fast-check";
import { formatTimeSpan, parseDuration } from "./duration.ts";

const PARSED: readonly (readonly [string, number])[] = [
  ["0ms", 0],
  ["500ms", 500],
  ["15s", 15_000],
  ["1.5s", 1_500],
  ["2m", 120_000],
  ["1h", 3_600_000],
  ["30d", 2_592_000_000],
  ["00:00:00", 0],
  ["00:02:03", 123_000],
  ["9:00:00", 32_400_000],
  ["23:59:59.999", 86_399_999],
  ["00:00:00.5", 500],
  ["00:00:01.2340000", 1_234],
  ["1.02:03:04", 93_784_000],
];

for (const [text, milliseconds] of PARSED) {
  Deno.test(`parseDuration() reads ${text}`, () => assert.equal(parseDuration(text), milliseconds));
}

for (
  const text of [
    "",
    "5",
    "5 s",
    "-5s",
    "s",
    "5S",
    "1h30m",
    "1e3s",
    "24:00:00",
    "00:60:00",
    "00:00:60",
    "00:00",
    "1.00:00",
    "-00:00:01",
  ]
) {
  Deno.test(`parseDuration() refuses ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseDuration(text), RangeError));
}

Deno.test("parseDuration() refuses what a number cannot hold", () => {
  assert.throws(() => parseDuration("9".repeat(20) + "d"), RangeError);
});

const FORMATTED: readonly (readonly [number, string])[] = [
  [0, "00:00:00"],
  [1, "00:00:00.001"],
  [999.6, "00:00:00.999600"],
  [0.0004, "00:00:00"],
  [999.9996, "00:00:01"],
  [61_000, "00:01:01"],
  [86_399_999, "23:59:59.999"],
  [86_400_000, "1.00:00:00"],
  [93_784_050, "1.02:03:04.050"],
];

for (const [milliseconds, text] of FORMATTED) {
  Deno.test(`formatTimeSpan() writes ${milliseconds} ms as ${text}`, () =>
    assert.equal(formatTimeSpan(milliseconds), text));
}

Deno.test("formatTimeSpan() refuses what is no time span", () => {
  for (const value of [-1, NaN, Infinity]) assert.throws(() => formatTimeSpan(value), RangeError);
});

Deno.test("formatTimeSpan() writes what parseDuration() reads", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), (milliseconds) => parseDuration(formatTimeSpan(milliseconds)) === milliseconds),
  );
});
