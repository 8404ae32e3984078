import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import amqplib from "amqplib";
import { requireRabbitMq, TestBroker } from "../../../tests/testkit/rabbitmq.ts";
import { AmqpMail } from "./amqp_mail.ts";

const rabbitmq = await requireRabbitMq();

Deno.test({
  name: rabbitmq.label("AmqpMail does not mind mail that is sent while its connection is being closed"),
  ignore: rabbitmq.isSkipped,
  async fn() {
    await using broker = await TestBroker.start();
    const model = await amqplib.connect(broker.url);
    const mail = new AmqpMail("a");
    const channel = await mail.openOutgoing(model);
    mail.ready();
    const closed = model.close();
    assert.throws(() => channel.publish("", "b", Buffer.from("x")));
    mail.send("b", new Uint8Array(1));
    await closed;
  },
});
