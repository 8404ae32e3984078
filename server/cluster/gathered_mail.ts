/**
 * Puts together what goes to one origin while one event is handled: what a message costs the carrier hardly depends on what is in it.
 *
 * @module
 */

import { nextTick } from "node:process";
import type { MailReceiver, OriginMail } from "../transport/transport.ts";
import { batchedBytes, encodeBatch, HEADER_BYTES } from "./mail.ts";

/** Largest batch, in bytes, unless the carrier takes less. */
const MAX_BATCH_BYTES = 64 * 1024;

/** Mail in few messages. Its order is kept; what is sent to an origin leaves when the event is handled, with all before it. */
export class GatheredMail implements OriginMail, Disposable {
  readonly #mail: OriginMail;
  readonly #readsBatches: (originId: string) => boolean;
  /** What waits until the event is handled, by origin. */
  readonly #waiting = new Map<string, { messages: Uint8Array[]; bytes: number }>();
  #waitingBytes = 0;
  #isScheduled = false;

  /** @param readsBatches Whether an origin understands messages of several. */
  constructor(mail: OriginMail, readsBatches: (originId: string) => boolean) {
    this.#mail = mail;
    this.#readsBatches = readsBatches;
  }

  get bufferedAmount(): number {
    return this.#mail.bufferedAmount + this.#waitingBytes;
  }

  get maxMessageBytes(): number {
    return this.#mail.maxMessageBytes;
  }

  open(receiver: MailReceiver): void {
    this.#mail.open(receiver);
  }

  send(originId: string, message: Uint8Array): void {
    if (!this.#readsBatches(originId)) {
      this.#flush(originId);
      return this.#mail.send(originId, message);
    }
    const bytes = batchedBytes(message);
    const maxBytes = Math.min(MAX_BATCH_BYTES, this.maxMessageBytes) - HEADER_BYTES;
    let waiting = this.#waiting.get(originId);
    if (waiting !== undefined && waiting.bytes + bytes > maxBytes) {
      this.#flush(originId);
      waiting = undefined;
    }
    if (bytes > maxBytes) return this.#mail.send(originId, message);
    if (waiting === undefined) this.#waiting.set(originId, waiting = { messages: [], bytes: 0 });
    waiting.messages.push(message);
    waiting.bytes += bytes;
    this.#waitingBytes += bytes;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    nextTick(() => this.#flushAll());
  }

  broadcast(message: Uint8Array): void {
    this.#flushAll();
    this.#mail.broadcast(message);
  }

  /** The carrier was lost, and with it all that was under way. */
  lost(): void {
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  /** Sends what waits. */
  [Symbol.dispose](): void {
    this.#flushAll();
  }

  #flushAll(): void {
    this.#isScheduled = false;
    for (const originId of this.#waiting.keys()) this.#flush(originId);
  }

  #flush(originId: string): void {
    const waiting = this.#waiting.get(originId);
    if (waiting === undefined) return;
    this.#waiting.delete(originId);
    this.#waitingBytes -= waiting.bytes;
    const { messages } = waiting;
    this.#mail.send(originId, messages.length === 1 ? messages[0]! : encodeBatch(messages));
  }
}
