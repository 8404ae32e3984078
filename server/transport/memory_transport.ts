/**
 * The server transport of a single process.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { Consumer, Consumption, QueuedRequest, ServerTransport } from "./transport.ts";

/** How a {@link MemoryTransport} is limited. */
export interface MemoryTransportOptions {
  /** Requests of one tenant that may wait. */
  readonly maxQueuedPerTenant: number;
}

/** Queues in memory, first in, first out. */
export class MemoryTransport implements ServerTransport {
  readonly #options: MemoryTransportOptions;
  readonly #queues = new Map<string, TenantQueue>();

  constructor(options: MemoryTransportOptions) {
    this.#options = options;
  }

  publish(tenantId: string, request: QueuedRequest): Promise<void> {
    const queue = this.#queueOf(tenantId);
    if (queue.size >= this.#options.maxQueuedPerTenant) {
      return Promise.reject(
        new RelayError("queue_full", "Too many requests wait for this tenant", { retryAfterSeconds: 5 }),
      );
    }
    queue.push(request);
    return Promise.resolve();
  }

  consume(tenantId: string, consumer: Consumer): Consumption {
    const queue = this.#queueOf(tenantId);
    queue.consumer = consumer;
    return {
      setCapacity: (requests) => queue.setCapacity(requests),
      [Symbol.dispose]: () => {
        queue.consumer = undefined;
        queue.setCapacity(0);
        if (queue.size === 0) this.#queues.delete(tenantId);
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#queues.clear();
    return Promise.resolve();
  }

  #queueOf(tenantId: string): TenantQueue {
    let queue = this.#queues.get(tenantId);
    if (queue === undefined) this.#queues.set(tenantId, queue = new TenantQueue());
    return queue;
  }
}

class TenantQueue {
  consumer: Consumer | undefined;
  readonly #requests: QueuedRequest[] = [];
  #capacity = 0;

  get size(): number {
    return this.#requests.length;
  }

  push(request: QueuedRequest): void {
    this.#requests.push(request);
    this.#handOver();
  }

  setCapacity(requests: number): void {
    this.#capacity = requests;
    this.#handOver();
  }

  #handOver(): void {
    while (this.consumer !== undefined && this.#capacity > 0) {
      const request = this.#requests.shift();
      if (request === undefined) return;
      this.#capacity--;
      if (this.consumer(request)) continue;
      this.#requests.unshift(request);
      this.#capacity = 0;
    }
  }
}
