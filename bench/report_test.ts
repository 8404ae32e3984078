import assert from "node:assert/strict";
import { Measurements, median } from "./measurements.ts";
import { formatSuite, formatTable, formatVerdicts } from "./report.ts";

Deno.test("median() takes the middle, or the mean of the two in the middle", () => {
  assert.equal(median([5]), 5);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 1, 2, 4]), 3);
  assert.ok(Number.isNaN(median([])));
});

Deno.test("formatTable() aligns columns below their headings", () => {
  assert.equal(
    formatTable([["a", "long heading"], ["longer", "b"]]),
    "| a      | long heading |\n| ------ | ------------ |\n| longer | b            |\n",
  );
});

Deno.test("formatSuite() shows median and values, puts parts into one column, and tells who is missing", () => {
  const measurements = new Measurements();
  const key = { suite: "requests", peer: "nginx", load: "1 client" };
  for (const value of [300, 100, 200]) measurements.add({ ...key, metric: "requests/s" }, value);
  measurements.add({ ...key, metric: "CPU: one" }, 1.25);
  measurements.add({ ...key, metric: "CPU: two" }, 2);
  measurements.add({ ...key, suite: "other", metric: "requests/s" }, 7);
  measurements.missing.push({ suite: "requests", peer: "ssh", reason: "ssh is not installed" });
  assert.equal(
    formatSuite(measurements, "requests"),
    "| requests | peer  | requests/s        | CPU              |\n" +
      "| -------- | ----- | ----------------- | ---------------- |\n" +
      "| 1 client | nginx | 200 (300 100 200) | one 1.3, two 2.0 |\n" +
      "ssh: not available: ssh is not installed\n",
  );
});

Deno.test("formatVerdicts() says which bound was missed, and what was not measured", () => {
  const of = { suite: "s", peer: "p", load: "l", metric: "m" };
  const text = formatVerdicts([
    { ratio: { name: "speed", of, atLeast: 0.8 }, values: [0.5, 0.7, 0.9], isMet: false },
    { ratio: { name: "memory", of, atMost: 25 }, values: [], isMet: false },
  ]);
  assert.match(text, /speed +\| 0\.70 \(0\.50 0\.70 0\.90\) +\| >= 0\.8 +\| MISSED/);
  assert.match(text, /memory +\| not measured +\| <= 25 +\| MISSED/);
});
