/**
 * Calls what answers at a queue. Reads `{ url, queue, isConfirmed, requestBytes }` from its first argument; see `calls.ts` for the rest.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import amqplib, { type ConfirmChannel } from "amqplib";
import { serveCalls } from "./calls.ts";

const { url, queue, isConfirmed, requestBytes } = JSON.parse(Deno.args[0] ?? "");
const request = Buffer.alloc(requestBytes, "x");
const connection = await amqplib.connect(url, { noDelay: true });
const channel = await connection.createConfirmChannel();
const plainChannel = await connection.createChannel();
const { queue: replyTo } = await plainChannel.assertQueue("", { exclusive: true, durable: false });
const waiting = new Map<string, () => void>();
await plainChannel.consume(replyTo, (message) => {
  const correlationId: string = message?.properties.correlationId;
  waiting.get(correlationId)?.();
  waiting.delete(correlationId);
}, { noAck: true });

function publishConfirmed(channel: ConfirmChannel, correlationId: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  channel.sendToQueue(queue, request, { replyTo, correlationId, persistent: true }, (error) => {
    if (error === null) resolve();
    else reject(error);
  });
  return promise;
}

let called = 0;

/** Over when it is answered and, where it is confirmed, confirmed. */
async function call(): Promise<void> {
  const correlationId = String(called++);
  const answered = new Promise<void>((resolve) => waiting.set(correlationId, resolve));
  if (isConfirmed) await publishConfirmed(channel, correlationId);
  else plainChannel.sendToQueue(queue, request, { replyTo, correlationId });
  await answered;
}

serveCalls(call);
