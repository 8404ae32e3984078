import assert from "node:assert/strict";
import { ClockSkew } from "./clock_skew.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");

const CASES: readonly (readonly [date: string | null, words: string | undefined])[] = [
  ["Mon, 23 Nov 2026 12:00:00 GMT", undefined],
  ["Mon, 23 Nov 2026 12:00:30 GMT", undefined],
  ["Mon, 23 Nov 2026 11:59:00 GMT", "this machine's clock is 60 seconds ahead of the server's"],
  ["Mon, 23 Nov 2026 12:05:00 GMT", "this machine's clock is 5 minutes behind the server's"],
  ["Mon, 23 Nov 2026 09:00:00 GMT", "this machine's clock is 3 hours ahead of the server's"],
  ["Sun, 23 Nov 2025 12:00:00 GMT", "this machine's clock is 365 days ahead of the server's"],
  [null, undefined],
  ["yesterday", undefined],
];
for (const [date, words] of CASES) {
  Deno.test(`ClockSkew says ${words ?? "nothing"} for Date: ${date}`, () => {
    const clock = new ClockSkew();
    clock.observe(date, NOW);
    assert.equal(clock.describe(), words);
    clock.reset();
    assert.equal(clock.describe(), undefined);
  });
}
