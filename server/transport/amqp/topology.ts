/**
 * The names at the broker, and what messages look like there.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Channel } from "amqplib";
import type { QueuedRequest } from "../transport.ts";

/** Kinds of queues that tickets wait in. */
export type QueueType = "quorum" | "classic";

/** Mail to one origin; the routing key is its id. */
export const MAIL_EXCHANGE = "relayserver.mail";
/** Mail to all origins. */
export const BROADCAST_EXCHANGE = "relayserver.broadcast";

const TICKET_VERSION = 1;

/** The queue of a tenant's tickets. Its kind is part of the name: the broker does not change the kind of a queue that is there. */
export function tenantQueue(tenantId: string, type: QueueType): string {
  return `relayserver.tenant.${tenantId}.${type}`;
}

/** Declares the queue of a tenant. It outlives all servers. */
export async function declareTenantQueue(channel: Channel, tenantId: string, type: QueueType): Promise<void> {
  await channel.assertQueue(tenantQueue(tenantId, type), { durable: true, arguments: { "x-queue-type": type } });
}

/** Declares the exchanges of the mail. */
export async function declareExchanges(channel: Channel): Promise<void> {
  await channel.assertExchange(MAIL_EXCHANGE, "direct", { durable: true });
  await channel.assertExchange(BROADCAST_EXCHANGE, "fanout", { durable: true });
}

/** A ticket as it travels. */
export function encodeTicket({ requestId, originId }: QueuedRequest): Buffer {
  return Buffer.from(JSON.stringify({ version: TICKET_VERSION, requestId, originId }));
}

/** Reads a ticket; `undefined` for one that this release does not understand. */
export function decodeTicket(content: Buffer): QueuedRequest | undefined {
  try {
    const { version, requestId, originId } = JSON.parse(content.toString());
    if (version !== TICKET_VERSION || typeof requestId !== "string") return undefined;
    return typeof originId === "string" ? { requestId, originId } : { requestId };
  } catch {
    return undefined;
  }
}

/** A `Buffer` on the same memory: amqplib takes nothing else. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
