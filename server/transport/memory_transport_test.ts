import assert from "node:assert/strict";
import { MemoryTransport } from "./memory_transport.ts";
import { testServerTransport } from "./transport_contract.ts";

testServerTransport("memory transport", (options) => Promise.resolve(new MemoryTransport(options)));

Deno.test("setCapacity() hands over before it returns", async () => {
  const transport = new MemoryTransport({ maxQueuedPerTenant: 10 });
  for (const requestId of ["1", "2"]) await transport.publish("a", { requestId });
  const taken: string[] = [];
  const consumption = transport.consume("a", ({ requestId }) => taken.push(requestId) > 0);
  consumption.setCapacity(2);
  assert.deepEqual(taken, ["1", "2"]);
});

Deno.test("queued counts the requests that wait, of all tenants", async () => {
  const transport = new MemoryTransport({ maxQueuedPerTenant: 10 });
  const requests = [["a", "1"], ["a", "2"], ["b", "3"]] as const;
  for (const [tenantId, requestId] of requests) await transport.publish(tenantId, { requestId });
  assert.equal(transport.queued, 3);
  transport.withdraw("a", { requestId: "1" });
  transport.consume("b", () => true).setCapacity(1);
  assert.equal(transport.queued, 1);
  await transport[Symbol.asyncDispose]();
  assert.equal(transport.queued, 0);
});

Deno.test("withdraw() takes a request out wherever it waits", async () => {
  const transport = new MemoryTransport({ maxQueuedPerTenant: 10 });
  for (const requestId of ["1", "2", "3"]) await transport.publish("a", { requestId });
  transport.withdraw("a", { requestId: "2" });
  const taken: string[] = [];
  transport.consume("a", ({ requestId }) => taken.push(requestId) > 0).setCapacity(9);
  assert.deepEqual(taken, ["1", "3"]);
});
