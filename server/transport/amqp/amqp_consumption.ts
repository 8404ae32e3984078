/**
 * Takes one tenant's tickets out of its queue, as fast as there is room.
 *
 * @module
 */

import type { Channel, ConsumeMessage } from "amqplib";
import { getLogger } from "../../../shared/log/mod.ts";
import type { Consumer, Consumption, Settlement } from "../transport.ts";
import { decodeTicket, type QueueType, tenantQueue } from "./topology.ts";

const logger = getLogger("transport");

/** Tickets that the broker hands out ahead of their settlement at most. */
const MAX_PREFETCH = 64;
/** How long tickets are held that there is no room for, in milliseconds; then others get them. */
const HOLD_MS = 500;

/** What a consumption is for. */
export interface AmqpConsumptionOptions {
  readonly tenantId: string;
  readonly queueType: QueueType;
  readonly consumer: Consumer;
  /** Makes sure that the queue is there. */
  readonly declare: () => Promise<void>;
  /** The queue may have been deleted: it has to be declared again. */
  readonly missing: () => void;
  readonly ended: () => void;
}

/** One tenant's consumer at the broker; it is there only while there is room, or was a moment ago. */
export class AmqpConsumption implements Consumption {
  readonly #options: AmqpConsumptionOptions;
  #channel: Channel | undefined;
  /** The consumer at the broker, or what it is becoming. */
  #subscription: Promise<string | undefined> | undefined;
  #prefetch = 0;
  #capacity = 0;
  readonly #held: ConsumeMessage[] = [];
  #holdTimer: ReturnType<typeof setTimeout> | undefined;
  #isDisposed = false;

  constructor(options: AmqpConsumptionOptions) {
    this.#options = options;
  }

  /** The broker is there; or, without a channel, it is not there any more and what was held is void. */
  attach(channel: Channel | undefined): void {
    this.#channel = channel;
    this.#subscription = undefined;
    this.#held.length = 0;
    clearTimeout(this.#holdTimer);
    this.#holdTimer = undefined;
    this.#follow();
  }

  /** Queues can be declared again: what failed is tried anew. */
  retry(): void {
    this.#follow();
  }

  setCapacity(requests: number): void {
    this.#capacity = requests;
    this.#handOver();
    this.#follow();
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#stop();
    this.#options.ended();
  }

  /** Has a consumer at the broker while there is room, with a prefetch near to it. */
  #follow(): void {
    if (this.#isDisposed || this.#channel === undefined || this.#capacity <= 0) return;
    const prefetch = Math.min(this.#capacity, MAX_PREFETCH);
    if (this.#subscription !== undefined) {
      if (prefetch < this.#prefetch * 4 || this.#held.length > 0) return;
      this.#stop();
    }
    this.#prefetch = prefetch;
    this.#subscription = this.#subscribe(this.#channel, prefetch);
  }

  async #subscribe(channel: Channel, prefetch: number): Promise<string | undefined> {
    const { tenantId, queueType, declare, missing } = this.#options;
    try {
      await declare();
      // Holds for the consumers that follow on this channel, which sends both in order.
      const [, { consumerTag }] = await Promise.all([
        channel.prefetch(prefetch),
        channel.consume(tenantQueue(tenantId, queueType), (message) => this.#received(channel, message)),
      ]);
      return consumerTag;
    } catch (error) {
      // A channel is gone, with a queue that is not there any more perhaps: the next one starts anew.
      missing();
      logger.debug("Cannot consume the queue of tenant {tenantId}: {error}", { tenantId, error });
      if (this.#channel === channel) this.#subscription = undefined;
      return undefined;
    }
  }

  #received(channel: Channel, message: ConsumeMessage | null): void {
    if (message === null) return this.#cancelled(channel);
    if (channel !== this.#channel) return;
    // It was on the way when the consumer ended: others have room for it.
    if (this.#isDisposed) return settlementOf(channel, message).again();
    this.#held.push(message);
    this.#handOver();
    if (this.#held.length > 0) this.#holdTimer ??= setTimeout(() => this.#stop(), HOLD_MS);
  }

  /** The broker has ended the consumer: the queue was deleted, or its leader is lost. */
  #cancelled(channel: Channel): void {
    if (channel !== this.#channel) return;
    this.#options.missing();
    this.#subscription = undefined;
    this.#follow();
  }

  #handOver(): void {
    const channel = this.#channel;
    while (channel !== undefined && this.#capacity > 0 && this.#held.length > 0) {
      const message = this.#held[0]!;
      const ticket = decodeTicket(message.content);
      if (ticket === undefined) {
        this.#held.shift();
        logger.warn("A ticket of tenant {tenantId} is not of a version this server knows", {
          tenantId: this.#options.tenantId,
        });
        settlementOf(channel, message).done();
        continue;
      }
      this.#capacity--;
      this.#held.shift();
      if (this.#options.consumer(ticket, settlementOf(channel, message))) continue;
      this.#held.unshift(message);
      this.#capacity = 0;
    }
    if (this.#held.length === 0) {
      clearTimeout(this.#holdTimer);
      this.#holdTimer = undefined;
    }
  }

  /** Ends the consumer at the broker and puts back what is held. */
  #stop(): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = undefined;
    const channel = this.#channel;
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (channel === undefined) return;
    subscription?.then((tag) => tag === undefined ? undefined : channel.cancel(tag)).catch((error) => {
      logger.debug("Cannot end a consumer: {error}", { error });
    });
    for (const message of this.#held.splice(0).reverse()) settlementOf(channel, message).again();
  }
}

/** Acknowledges at the broker. A channel that is gone has put everything back by itself. */
function settlementOf(channel: Channel, message: ConsumeMessage): Settlement {
  const attempt = (act: () => void) => {
    try {
      act();
    } catch (error) {
      logger.debug("Cannot settle a ticket: {error}", { error });
    }
  };
  return {
    done: () => attempt(() => channel.ack(message)),
    again: () => attempt(() => channel.nack(message, false, true)),
  };
}
