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
    ['"3-12"', [3]],
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
  const tagged = { version: 3, connections: 0 };
  assert.equal(isKnown(undefined, tagged), false);
  assert.equal(isKnown("*", tagged), true);
  assert.equal(isKnown(entityTag(tagged), tagged), true);
  assert.equal(isKnown('"1", W/"3"', tagged), true);
  assert.equal(isKnown('"1"', tagged), false);
});

Deno.test("isKnown() tells the same version with other connections apart", () => {
  assert.equal(isKnown('"3"', { version: 3, connections: 2 }), false);
  assert.equal(isKnown('"3-2"', { version: 3, connections: 2 }), true);
  assert.equal(isKnown('"3-2"', { version: 3, connections: 1 }), false);
});
