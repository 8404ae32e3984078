import assert from "node:assert/strict";
import { firstIdAt, timeOfId } from "./request_time.ts";

const MOMENT = Date.UTC(2022, 1, 22, 19, 22, 22);
/** RFC 9562, appendix A.6. */
const ID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

Deno.test("firstIdAt() lies between the ids of the moment before and those of its own", () => {
  assert.equal(firstIdAt(MOMENT), "017f22e2-79b0-0000-0000-000000000000");
  assert.ok(firstIdAt(MOMENT) < ID);
  assert.ok(ID < firstIdAt(MOMENT + 1));
});

Deno.test("firstIdAt() stays in order for moments that no id can have", () => {
  assert.equal(firstIdAt(-1), firstIdAt(0));
  assert.ok(firstIdAt(Number.MAX_SAFE_INTEGER) > ID);
  assert.equal(firstIdAt(MOMENT + 0.5), firstIdAt(MOMENT + 1));
});

Deno.test("timeOfId() reads the moment an id begins with", () => {
  assert.equal(timeOfId(ID), MOMENT);
  for (const moment of [0, 1, 2 ** 48 - 1]) assert.equal(timeOfId(firstIdAt(moment)), moment);
});
