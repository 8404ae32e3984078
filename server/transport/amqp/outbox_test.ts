import assert from "node:assert/strict";
import { Outbox } from "./outbox.ts";

const LIMITS = { perTenant: 1, total: 10 };

Deno.test("add() takes a request's newer ticket for its older one, which keeps neither a place nor whoever published it", async () => {
  const outbox = new Outbox(LIMITS);
  const first = outbox.add("a", { requestId: "1" });
  const second = outbox.add("a", { requestId: "1" });
  await first.published.promise;
  assert.deepEqual([outbox.has(first), outbox.has(second)], [false, true]);
  assert.deepEqual(outbox.list(), [second]);
  assert.throws(() => outbox.add("a", { requestId: "2" }), { code: "queue_full" });
});
