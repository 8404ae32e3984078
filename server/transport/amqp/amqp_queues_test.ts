import assert from "node:assert/strict";
import amqplib from "amqplib";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { requireRabbitMq, shareBroker } from "../../../tests/testkit/rabbitmq.ts";
import { AmqpQueues } from "./amqp_queues.ts";
import { tenantQueue } from "./topology.ts";

const rabbitmq = await requireRabbitMq();
const broker = await shareBroker(rabbitmq);

Deno.test({
  name: rabbitmq.label("AmqpQueues publish tickets while mail comes in, and again what was out when it did not"),
  ignore: rabbitmq.isSkipped,
  async fn() {
    const model = await amqplib.connect(broker!.url);
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

Deno.test({
  name: rabbitmq.label("AmqpQueues tell at once of a ticket that the broker refuses, and keep one that it may have"),
  ignore: rabbitmq.isSkipped,
  async fn() {
    const model = await amqplib.connect(broker!.url);
    const queues = new AmqpQueues({ queueType: "classic", limits: { perTenant: 2, total: 2 } });
    const channel = await queues.openPublishing(model);
    const tenantId = crypto.randomUUID();
    const queue = tenantQueue(tenantId, "classic");
    const policy = JSON.stringify({ "max-length": 1, overflow: "reject-publish" });
    await broker!.ctl("set_policy", "full", `^${queue.replaceAll(".", "\\.")}$`, policy, "--apply-to", "queues");
    const publish = () => queues.publish(tenantId, { requestId: crypto.randomUUID(), originId: "a" });
    const refused = { code: "transport_unavailable", retryAfterSeconds: 5 };
    queues.ready();
    await publish();
    await assert.rejects(publish(), refused);
    // The one that waits is published again, and refused beside itself.
    queues.lost();
    queues.ready();
    await assert.rejects(publish(), refused);
    await channel.purgeQueue(queue);
    queues.lost();
    queues.ready();
    await assert.rejects(publish(), refused);
    assert.equal((await channel.checkQueue(queue)).messageCount, 1);
    queues.close();
    await model.close();
  },
});

Deno.test({
  name: rabbitmq.label("AmqpQueues do not take what is lost with the broker for refused"),
  ignore: rabbitmq.isSkipped,
  async fn() {
    const queues = new AmqpQueues({ queueType: "classic", limits: { perTenant: 10, total: 10 } });
    const tenantId = crypto.randomUUID();
    const publish = () => queues.publish(tenantId, { requestId: crypto.randomUUID(), originId: "a" });
    const lostModel = await amqplib.connect(broker!.url);
    lostModel.on("error", () => {});
    const closed = once(await queues.openPublishing(lostModel), "close");
    queues.ready();
    await publish();
    broker!.pause();
    const late = publish();
    await setImmediate();
    await broker!.kill();
    await closed;
    queues.lost();
    await broker!.start();
    const model = await amqplib.connect(broker!.url);
    await queues.openPublishing(model);
    queues.ready();
    await late;
    queues.close();
    await model.close();
  },
});
