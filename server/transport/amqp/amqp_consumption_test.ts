import type { Channel, ConsumeMessage } from "amqplib";
import assert from "node:assert/strict";
import { AmqpConsumption } from "./amqp_consumption.ts";
import { encodeTicket } from "./topology.ts";

Deno.test("AmqpConsumption puts back at once what the broker had on the way when it ended", async () => {
  const subscribed = Promise.withResolvers<(message: ConsumeMessage) => void>();
  const settled: string[] = [];
  const channel = {
    prefetch: () => Promise.resolve(),
    consume(_queue: string, receive: (message: ConsumeMessage) => void) {
      subscribed.resolve(receive);
      return Promise.resolve({ consumerTag: "tag" });
    },
    cancel: () => Promise.resolve(),
    ack: () => settled.push("done"),
    nack: () => settled.push("again"),
  } as unknown as Channel;
  const taken: string[] = [];
  const consumption = new AmqpConsumption({
    tenantId: "t",
    queueType: "classic",
    consumer({ requestId }, settlement) {
      taken.push(requestId);
      settlement.done();
      return true;
    },
    declare: () => Promise.resolve(),
    missing: () => {},
    ended: () => {},
  });
  consumption.attach(channel);
  consumption.setCapacity(2);
  const receive = await subscribed.promise;
  consumption[Symbol.dispose]();
  receive({ content: encodeTicket({ requestId: "1" }) } as ConsumeMessage);
  assert.deepEqual([taken, settled], [[], ["again"]]);
});
