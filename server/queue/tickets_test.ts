import assert from "node:assert/strict";
import { FakeTime, settle } from "../../shared/protocol/testing.ts";
import type { TenantQueues } from "../transport/transport.ts";
import { Tickets } from "./tickets.ts";

/** Queues whose tickets are safe when the test says so. */
class SlowQueues implements Pick<TenantQueues, "publish"> {
  readonly published: PromiseWithResolvers<void>[] = [];

  publish(): Promise<void> {
    const published = Promise.withResolvers<void>();
    this.published.push(published);
    return published.promise;
  }
}

Deno.test("publish() has no more than one ticket of a tenant on its way, however long the carrier is away", async () => {
  using time = new FakeTime();
  const queues = new SlowQueues();
  const tickets = new Tickets(queues);
  for (let count = 0; count < 100; count++) {
    tickets.publish("t");
    time.pass(100);
    await settle();
  }
  assert.equal(queues.published.length, 1);
  queues.published[0]!.resolve();
  await settle();
  assert.equal(queues.published.length, 2);
  queues.published[1]!.reject(new Error("The carrier is away"));
  time.pass(100);
  await settle();
  assert.deepEqual([queues.published.length, time.timers], [2, 0]);
});
