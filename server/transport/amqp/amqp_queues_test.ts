import assert from "node:assert/strict";
import amqplib from "amqplib";
import { setImmediate } from "node:timers/promises";
import { requireRabbitMq, TestBroker } from "../../../tests/testkit/rabbitmq.ts";
import { AmqpQueues } from "./amqp_queues.ts";
import { tenantQueue } from "./topology.ts";

const rabbitmq = await requireRabbitMq();

Deno.test({
  name: rabbitmq.label("AmqpQueues publish tickets while mail comes in, and again what was out when it did not"),
  ignore: rabbitmq.isSkipped,
  async fn() {
    await using broker = await TestBroker.start();
    const model = await amqplib.connect(broker.url);
    const queues = new AmqpQueues({ queueType: "classic", limits: { perTenant: 10, total: 10 } });
    const channel = await queues.openPublishing(model);
    const tenantId = crypto.randomUUID();
    const publish = () => queues.publish(tenantId, { requestId: crypto.randomUUID(), originId: "a" });
    const count = async () => (await channel.checkQueue(tenantQueue(tenantId, "classic"))).messageCount;
    queues.ready();
    await publish();
    queues.lost();
    const late = publish();
    await setImmediate();
    assert.equal(await count(), 1);
    queues.ready();
    await late;
    assert.equal(await count(), 3);
    queues.close();
    await model.close();
  },
});
