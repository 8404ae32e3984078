import assert from "node:assert/strict";
import { MemoryTransport } from "./memory_transport.ts";

/** A transport, and the ids that its consumer of the tenant `a` has taken. */
function consumed(transport: MemoryTransport, accepts: (requestId: string) => boolean = () => true) {
  const taken: string[] = [];
  const consumption = transport.consume("a", ({ requestId }) => {
    if (!accepts(requestId)) return false;
    taken.push(requestId);
    return true;
  });
  return { taken, consumption };
}

async function publish(transport: MemoryTransport, ...requestIds: string[]): Promise<void> {
  for (const requestId of requestIds) await transport.publish("a", { requestId });
}

Deno.test("setCapacity() hands over in order, and no more than there is room for", async () => {
  const transport = new MemoryTransport({ maxQueuedPerTenant: 10 });
  await publish(transport, "1", "2", "3");
  const { taken, consumption } = consumed(transport);
  assert.deepEqual(taken, []);
  consumption.setCapacity(2);
  assert.deepEqual(taken, ["1", "2"]);
  await publish(transport, "4");
  consumption.setCapacity(9);
  assert.deepEqual(taken, ["1", "2", "3", "4"]);
  assert.equal(transport.queued, 0);
});

Deno.test("a request that its consumer refuses stays at the head of the queue", async () => {
  const transport = new MemoryTransport({ maxQueuedPerTenant: 10 });
  let isFull = true;
  const { taken, consumption } = consumed(transport, () => !isFull);
  await publish(transport, "1", "2");
  consumption.setCapacity(5);
  assert.deepEqual(taken, []);
  isFull = false;
  consumption.setCapacity(5);
  assert.deepEqual(taken, ["1", "2"]);
});

Deno.test("a request that is published again while it is handed over is not lost", async () => {
  const transport = new MemoryTransport({ maxQueuedPerTenant: 10 });
  let deliveries = 0;
  const consumption = transport.consume("a", ({ requestId }) => {
    if (++deliveries === 1) transport.publish("a", { requestId });
    return true;
  });
  await publish(transport, "1");
  consumption.setCapacity(1);
  consumption.setCapacity(1);
  assert.equal(deliveries, 2);
});

Deno.test("publish() rejects with queue_full, and a withdrawn request makes room", async () => {
  const transport = new MemoryTransport({ maxQueuedPerTenant: 2 });
  await publish(transport, "1", "2");
  await assert.rejects(publish(transport, "3"), { code: "queue_full", retryAfterSeconds: 5 });
  transport.withdraw("a", { requestId: "1" });
  transport.withdraw("a", { requestId: "unknown" });
  transport.withdraw("b", { requestId: "2" });
  await publish(transport, "4");
  const { taken, consumption } = consumed(transport);
  consumption.setCapacity(9);
  assert.deepEqual(taken, ["2", "4"]);
});

Deno.test("what waits stays when a consumption ends, and goes to the next one", async () => {
  const transport = new MemoryTransport({ maxQueuedPerTenant: 10 });
  const first = consumed(transport);
  await publish(transport, "1");
  first.consumption[Symbol.dispose]();
  assert.equal(transport.queued, 1);
  const second = consumed(transport);
  second.consumption.setCapacity(1);
  assert.deepEqual([first.taken, second.taken], [[], ["1"]]);
});
