import assert from "node:assert/strict";
import { Measurements } from "./measurements.ts";
import { judge, type Ratio, RATIOS } from "./ratios.ts";
import { SUITES } from "./suites/mod.ts";

const fast = { suite: "s", peer: "fast", load: "l", metric: "m" };
const slow = { ...fast, peer: "slow" };

/** What becomes of one ratio. */
function verdict(ratio: Ratio, values: { readonly fast?: readonly number[]; readonly slow?: readonly number[] }) {
  const measurements = new Measurements();
  for (const value of values.fast ?? []) measurements.add(fast, value);
  for (const value of values.slow ?? []) measurements.add(slow, value);
  return judge(measurements, ["s"], [ratio])[0];
}

Deno.test("judge() compares round by round and takes the median, not the ratio of medians", () => {
  const ratio: Ratio = { name: "r", of: fast, to: slow, atLeast: 1 };
  const judged = verdict(ratio, { fast: [10, 200, 30], slow: [10, 400, 20] });
  assert.deepEqual(judged?.values, [1, 0.5, 1.5]);
  assert.equal(judged?.isMet, true);
});

Deno.test("judge() counts a bound that is reached as met, and one that is passed as missed", () => {
  assert.equal(verdict({ name: "r", of: fast, atLeast: 2 }, { fast: [2] })?.isMet, true);
  assert.equal(verdict({ name: "r", of: fast, atLeast: 2 }, { fast: [1.9] })?.isMet, false);
  assert.equal(verdict({ name: "r", of: fast, atMost: 2 }, { fast: [2] })?.isMet, true);
  assert.equal(verdict({ name: "r", of: fast, atMost: 2 }, { fast: [2.1] })?.isMet, false);
});

Deno.test("judge() counts as missed what was not measured", () => {
  assert.equal(verdict({ name: "r", of: fast, to: slow, atMost: 2 }, { fast: [1] })?.isMet, false);
  assert.equal(verdict({ name: "r", of: fast, atMost: 2 }, {})?.isMet, false);
});

Deno.test("judge() leaves out suites that did not run", () => {
  assert.deepEqual(judge(new Measurements(), ["other"], [{ name: "r", of: fast, atMost: 2 }]), []);
});

Deno.test("RATIOS name suites that exist", () => {
  const suites = SUITES.map(({ name }) => name);
  for (const { of, to } of RATIOS) {
    assert.ok(suites.includes(of.suite));
    assert.ok(to === undefined || suites.includes(to.suite));
  }
});
