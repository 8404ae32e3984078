import assert from "node:assert/strict";
import { MemoryTransport } from "./memory_transport.ts";
import { testServerTransport } from "./transport_contract.ts";

testServerTransport("memory transport", (options) => Promise.resolve(new MemoryTransport(options)));

Deno.test("setCapacity() hands over before it returns", async () => {
  const transport = new MemoryTransport({ originId: "here", maxQueuedPerTenant: 10 });
  for (const requestId of ["1", "2"]) await transport.queues.publish("a", { requestId });
  const taken: string[] = [];
  const consumption = transport.queues.consume("a", ({ requestId }) => taken.push(requestId) > 0);
  consumption.setCapacity(2);
  assert.deepEqual(taken, ["1", "2"]);
});

Deno.test("size counts the requests that wait, of all tenants", async () => {
  const transport = new MemoryTransport({ originId: "here", maxQueuedPerTenant: 10 });
  const requests = [["a", "1"], ["a", "2"], ["b", "3"]] as const;
  for (const [tenantId, requestId] of requests) await transport.queues.publish(tenantId, { requestId });
  assert.equal(transport.queues.size, 3);
  transport.queues.withdraw("a", { requestId: "1" });
  transport.queues.consume("b", () => true).setCapacity(1);
  assert.equal(transport.queues.size, 1);
  await transport[Symbol.asyncDispose]();
  assert.equal(transport.queues.size, 0);
});

Deno.test("withdraw() takes a request out wherever it waits", async () => {
  const transport = new MemoryTransport({ originId: "here", maxQueuedPerTenant: 10 });
  for (const requestId of ["1", "2", "3"]) await transport.queues.publish("a", { requestId });
  transport.queues.withdraw("a", { requestId: "2" });
  const taken: string[] = [];
  transport.queues.consume("a", ({ requestId }) => taken.push(requestId) > 0).setCapacity(9);
  assert.deepEqual(taken, ["1", "3"]);
});

Deno.test("a consumer that throws leaves the request in the queue, and the queue goes on", async () => {
  const transport = new MemoryTransport({ originId: "here", maxQueuedPerTenant: 10 });
  for (const requestId of ["1", "2"]) await transport.queues.publish("a", { requestId });
  const taken: string[] = [];
  const consumption = transport.queues.consume("a", ({ requestId }) => {
    if (taken.push(requestId) === 1) throw new Error("This consumer is broken");
    return true;
  });
  assert.throws(() => consumption.setCapacity(2), /broken/);
  consumption.setCapacity(2);
  assert.deepEqual(taken, ["1", "1", "2"]);
  assert.equal(transport.queues.size, 0);
});
