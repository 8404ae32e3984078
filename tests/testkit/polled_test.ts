import assert from "node:assert/strict";
import { polled } from "./polled.ts";

Deno.test("polled() gives the first value that is as it should be, and reads no further", async () => {
  let reads = 0;
  const value = await polled(() => Promise.resolve(++reads), { until: (count) => count === 3, what: "three" });
  assert.deepEqual([value, reads], [3, 3]);
});

Deno.test("polled() says what it waited for and what it read last, and aborts what it reads", async () => {
  let seen: AbortSignal | undefined;
  const read = (signal: AbortSignal) => {
    seen = signal;
    return Promise.resolve({ count: 7 });
  };
  const polling = polled(read, { until: () => false, what: "eight", timeoutMs: 1 });
  await assert.rejects(polling, { message: "Waited 1 ms for eight\nRead last: { count: 7 }" });
  assert.equal(seen?.aborted, true);
});

Deno.test("polled() fails with what the reader throws", async () => {
  const polling = polled(() => Promise.reject(new TypeError("gone")), { until: () => true, what: "anything" });
  await assert.rejects(polling, { name: "TypeError", message: "gone" });
});
