import assert from "node:assert/strict";
import { createRequestId } from "./request_id.ts";

Deno.test("createRequestId() makes UUIDs of version 7 that sort by time", () => {
  const times = [0, 1, 255, Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1) + 1, 2 ** 48 - 1];
  const ids = times.map((time) => createRequestId(time));
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual([...ids].sort(), ids);
  assert.deepEqual(ids.map((id) => parseInt(id.replaceAll("-", "").slice(0, 12), 16)), times);
});

Deno.test("createRequestId() never makes the same id twice", () => {
  assert.equal(new Set(Array.from({ length: 10_000 }, () => createRequestId(1))).size, 10_000);
});
