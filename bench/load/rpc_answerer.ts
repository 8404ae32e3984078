/**
 * Answers whatever comes into a queue, and acknowledges it then. Reads `{ url, queue, isDurable, queueType, replyBytes }` from its first argument, and
 * prints `ready` once it consumes.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import amqplib from "amqplib";

const PREFETCH = 64;

const { url, queue, isDurable, queueType, replyBytes } = JSON.parse(Deno.args[0] ?? "");
const reply = Buffer.alloc(replyBytes, "x");
const connection = await amqplib.connect(url, { noDelay: true });
const channel = await connection.createChannel();
await channel.assertQueue(queue, { durable: isDurable, arguments: { "x-queue-type": queueType } });
await channel.prefetch(PREFETCH);
await channel.consume(queue, (message) => {
  if (message === null) throw new Error("The broker has ended the consumer");
  const { replyTo, correlationId } = message.properties;
  channel.sendToQueue(replyTo, reply, { correlationId });
  channel.ack(message);
});
await Deno.stdout.write(new TextEncoder().encode("ready\n"));
