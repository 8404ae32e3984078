import assert from "node:assert/strict";
import { newRequestId } from "./request_id.ts";

Deno.test("newRequestId() gives UUIDs of version 7 that begin with the time", () => {
  const id = newRequestId(Date.UTC(2022, 1, 22, 19, 22, 22));
  assert.match(id, /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

Deno.test("newRequestId() gives ids that differ within a millisecond and sort by time across them", () => {
  const times = Array.from({ length: 2_000 }, (_, index) => 1_767_225_600_000 + Math.floor(index / 1_000));
  const ids = times.map((time) => newRequestId(time));
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.slice(0, 1_000).toSorted().at(-1)! < ids.slice(1_000).toSorted()[0]!);
  assert.ok(newRequestId().slice(0, 8) > "019");
});
