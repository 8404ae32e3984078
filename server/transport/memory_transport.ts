/**
 * The server transport of a single process.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type {
  Consumer,
  Consumption,
  MailReceiver,
  OriginMail,
  QueuedRequest,
  ServerTransport,
  TenantQueues,
} from "./transport.ts";

/** How a {@link MemoryTransport} is set up. */
export interface MemoryTransportOptions {
  /** UUID of this origin. */
  readonly originId: string;
  /** Requests of one tenant that may wait. */
  readonly maxQueuedPerTenant: number;
}

/** Queues and mail in memory. There is no other origin. */
export class MemoryTransport implements ServerTransport {
  readonly queues: MemoryQueues;
  readonly mail: OriginMail;
  readonly state = "ready";

  constructor(options: MemoryTransportOptions) {
    this.queues = new MemoryQueues(options.maxQueuedPerTenant);
    this.mail = new MemoryMail(options.originId);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.queues.clear();
    return Promise.resolve();
  }
}

class MemoryQueues implements TenantQueues {
  readonly #maxPerTenant: number;
  readonly #queues = new Map<string, TenantQueue>();

  constructor(maxPerTenant: number) {
    this.#maxPerTenant = maxPerTenant;
  }

  /** Requests of all tenants that wait. */
  get size(): number {
    return this.#queues.values().reduce((sum, { size }) => sum + size, 0);
  }

  publish(tenantId: string, request: QueuedRequest): Promise<void> {
    const queue = this.#queueOf(tenantId);
    if (queue.size >= this.#maxPerTenant) {
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

  remove(tenantId: string): Promise<void> {
    this.#queues.delete(tenantId);
    return Promise.resolve();
  }

  clear(): void {
    this.#queues.clear();
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
  #requests = new Map<string, QueuedRequest>();
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
    try {
      this.#handOverWhileThereIsRoom();
    } finally {
      this.#isHandingOver = false;
    }
  }

  #handOverWhileThereIsRoom(): void {
    for (const [requestId, request] of this.#requests) {
      if (this.consumer === undefined || this.#capacity <= 0) return;
      this.#capacity--;
      if (!this.consumer(request, { done: () => {}, again: () => this.#putBack(request) })) {
        this.#capacity = 0;
        return;
      }
      // Unless it was published again meanwhile.
      if (this.#requests.get(requestId) === request) this.#requests.delete(requestId);
    }
  }

  #putBack(request: QueuedRequest): void {
    this.#requests = new Map([[request.requestId, request], ...this.#requests]);
    this.#handOver();
  }
}

/** An origin that is alone can still write to itself. */
class MemoryMail implements OriginMail {
  readonly bufferedAmount = 0;
  readonly maxMessageBytes = Infinity;
  readonly #originId: string;
  #receiver: MailReceiver | undefined;

  constructor(originId: string) {
    this.#originId = originId;
  }

  open(receiver: MailReceiver): void {
    this.#receiver = receiver;
    receiver.ready();
  }

  send(originId: string, message: Uint8Array): void {
    const copy = message.slice();
    queueMicrotask(() => {
      if (originId === this.#originId) this.#receiver?.mail(copy);
      else this.#receiver?.undeliverable(originId);
    });
  }

  broadcast(message: Uint8Array): void {
    this.send(this.#originId, message);
  }
}
