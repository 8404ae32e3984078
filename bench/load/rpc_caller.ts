/**
 * Calls what answers at a queue, so many at a time, each the next one as soon as the last is answered. Reads
 * `{ url, queue, isConfirmed, requestBytes, inFlight, warmUpSeconds, seconds }` from its first argument, and prints `RESULT` with
 * `{ requests, durationMs, p50Ms }`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import amqplib, { type ConfirmChannel } from "amqplib";

const { url, queue, isConfirmed, requestBytes, inFlight, warmUpSeconds, seconds } = JSON.parse(Deno.args[0] ?? "");
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

/** The milliseconds of each call. */
async function run(seconds: number): Promise<number[]> {
  const endMs = performance.now() + seconds * 1000;
  const durationsMs: number[] = [];
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (performance.now() < endMs) {
      const startMs = performance.now();
      await call();
      durationsMs.push(performance.now() - startMs);
    }
  }));
  return durationsMs;
}

await run(warmUpSeconds);
const startMs = performance.now();
const durationsMs = (await run(seconds)).toSorted((a, b) => a - b);
const p50Ms = durationsMs[Math.floor(durationsMs.length / 2)];
const result = { requests: durationsMs.length, durationMs: performance.now() - startMs, p50Ms };
await Deno.stdout.write(new TextEncoder().encode(`RESULT ${JSON.stringify(result)}\n`));
await connection.close();
