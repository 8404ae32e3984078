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

  /** Requests of all tenants that wait. */
  get queued(): number {
    return this.#queues.values().reduce((sum, { size }) => sum + size, 0);
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

  withdraw(tenantId: string, request: QueuedRequest): void {
    const queue = this.#queues.get(tenantId);
    queue?.remove(request);
    if (queue?.isUnused) this.#queues.delete(tenantId);
  }

  consume(tenantId: string, consumer: Consumer): Consumption {
    const queue = this.#queueOf(tenantId);
    queue.consumer = consumer;
    return {
      setCapacity: (requests) => queue.setCapacity(requests),
      [Symbol.dispose]: () => {
        queue.consumer = undefined;
        queue.setCapacity(0);
        if (queue.isUnused) this.#queues.delete(tenantId);
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
  /** By request id; a map keeps the order, and gives any of them up at once. */
  readonly #requests = new Map<string, QueuedRequest>();
  #capacity = 0;
  #isHandingOver = false;

  get size(): number {
    return this.#requests.size;
  }

  /** Whether nothing waits in it, and nobody for it. */
  get isUnused(): boolean {
    return this.consumer === undefined && this.#requests.size === 0;
  }

  push(request: QueuedRequest): void {
    this.#requests.set(request.requestId, request);
    this.#handOver();
  }

  remove({ requestId }: QueuedRequest): void {
    this.#requests.delete(requestId);
  }

  setCapacity(requests: number): void {
    this.#capacity = requests;
    this.#handOver();
  }

  /** A consumer may change the capacity while it takes a request: the loop then goes on with the new one. */
  #handOver(): void {
    if (this.#isHandingOver) return;
    this.#isHandingOver = true;
    for (const [requestId, request] of this.#requests) {
      if (this.consumer === undefined || this.#capacity <= 0) break;
      this.#capacity--;
      if (!this.consumer(request)) {
        this.#capacity = 0;
        break;
      }
      // Unless it was published again meanwhile.
      if (this.#requests.get(requestId) === request) this.#requests.delete(requestId);
    }
    this.#isHandingOver = false;
  }
}
