import assert from "node:assert/strict";
import { entityTag, isKnown, readIfMatch } from "./entity_tag.ts";

Deno.test("readIfMatch() reads the versions of strong tags", () => {
  const cases: [string | undefined, readonly number[] | undefined][] = [
    [undefined, undefined],
    ["*", undefined],
    [" * ", undefined],
    ['"3"', [3]],
    ['"3", "4"', [3, 4]],
    ['"3" ,"4"', [3, 4]],
    ['W/"3"', []],
    ['W/"3", "5"', [5]],
    ['"a,b"', [NaN]],
    ['""', [0]],
  ];
  for (const [header, versions] of cases) assert.deepEqual(readIfMatch(header), versions, header);
});

Deno.test("readIfMatch() refuses what is no list of tags", () => {
  for (const header of ["3", '"3', '"3""4"', '"3",', "W/3", '"\u00e9"', "", "null"]) {
    assert.throws(() => readIfMatch(header), { code: "invalid_request" }, header);
  }
});

Deno.test("isKnown() compares weakly", () => {
  assert.equal(isKnown(undefined, 3), false);
  assert.equal(isKnown("*", 3), true);
  assert.equal(isKnown(entityTag(3), 3), true);
  assert.equal(isKnown('"1", W/"3"', 3), true);
  assert.equal(isKnown('"1"', 3), false);
});
