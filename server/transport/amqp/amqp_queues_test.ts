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

Deno.test({
  name: rabbitmq.label("AmqpQueues declare a queue again that was deleted since, and lose no ticket by that"),
  ignore: rabbitmq.isSkipped,
  async fn() {
    const model = await amqplib.connect(broker!.url);
    const queues = new AmqpQueues({ queueType: "classic", limits: { perTenant: 10, total: 10 } });
    const channel = await queues.openPublishing(model);
    const tenantId = crypto.randomUUID();
    const queue = tenantQueue(tenantId, "classic");
    const publish = (origin: { originId?: string }) =>
      queues.publish(tenantId, { requestId: crypto.randomUUID(), ...origin });
    queues.ready();
    await publish({ originId: "a" });
    await channel.deleteQueue(queue);
    await Promise.all([publish({ originId: "a" }), publish({}), publish({ originId: "b" })]);
    assert.equal((await channel.checkQueue(queue)).messageCount, 3);
    queues.close();
    await model.close();
  },
});

Deno.test({
  name: rabbitmq.label(
    "AmqpQueues declare a queue again that was deleted while they consume it, without losing the channel",
  ),
  ignore: rabbitmq.isSkipped,
  async fn() {
    await using test = await consuming();
    test.consumption.setCapacity(1);
    await test.consumers(1);
    await test.channel.deleteQueue(test.queue);
    await test.publish("1");
    assert.equal(await Promise.race([test.taken, test.closed]), "1");
  },
});

Deno.test({
  name: rabbitmq.label(
    "AmqpQueues lose one channel at most for a queue that was deleted while they did not consume it",
  ),
  ignore: rabbitmq.isSkipped,
  async fn() {
    await using test = await consuming();
    await test.publish("1");
    await test.channel.deleteQueue(test.queue);
    test.consumption.setCapacity(1);
    assert.equal(await test.closed, "closed");
    const [closedAgain] = await test.open();
    await test.publish("2");
    assert.equal(await Promise.race([test.taken, closedAgain]), "2");
  },
});

/** Queues that consume the tickets of a tenant, with no capacity at first. */
async function consuming() {
  const model = await amqplib.connect(broker!.url);
  model.on("error", () => {});
  const queues = new AmqpQueues({ queueType: "classic", limits: { perTenant: 10, total: 10 } });
  const channel = await queues.openPublishing(model);
  /** Opens the channel that consumes; says when it was closed. */
  const open = async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    (await queues.openConsuming(model)).once("close", () => resolve("closed"));
    return [promise] as const;
  };
  const [closed] = await open();
  const tenantId = crypto.randomUUID();
  const queue = tenantQueue(tenantId, "classic");
  const { promise: taken, resolve: take } = Promise.withResolvers<string>();
  const consumption = queues.consume(tenantId, ({ requestId }, settlement) => {
    settlement.done();
    take(requestId);
    return true;
  });
  queues.ready();
  return {
    channel,
    queue,
    consumption,
    open,
    closed,
    taken,
    publish: (requestId: string) => queues.publish(tenantId, { requestId, originId: "a" }),
    async consumers(count: number) {
      while ((await channel.assertQueue(queue, { durable: true })).consumerCount < count) await setImmediate();
    },
    async [Symbol.asyncDispose]() {
      consumption[Symbol.dispose]();
      queues.close();
      await model.close();
    },
  };
}
