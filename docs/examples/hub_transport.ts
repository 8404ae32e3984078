/**
 * Somebody else's server transport: servers of one process that share a hub in memory, without a broker. A transport over a message system of
 * your own has the same two halves: a queue for each tenant, and mail between origins.
 *
 * ```ts
 * const hub = new Hub();
 * await using one = await createRelayServer(config, { serverTransport: (context) => hub.connect(context) });
 * await using other = await createRelayServer(otherConfig, { serverTransport: (context) => hub.connect(context) });
 * ```
 *
 * Both servers have to use the same database, as with a broker.
 *
 * @module
 */

import {
  type Consumer,
  type Consumption,
  type MailReceiver,
  type QueuedRequest,
  RelayError,
  type ServerTransport,
  type ServerTransportContext,
} from "../../server/mod.ts";

/** What a server serves of one tenant. */
interface Attachment {
  readonly consumer: Consumer;
  capacity: number;
}

/** One tenant's tickets, in order, and who takes them. */
class Queue {
  readonly attachments = new Set<Attachment>();
  readonly tickets: QueuedRequest[] = [];
  #isHandingOut = false;

  handOut(): void {
    // A consumer may publish or ask for more while it takes a ticket.
    if (this.#isHandingOut) return;
    this.#isHandingOut = true;
    while (this.#handOutOne());
    this.#isHandingOut = false;
  }

  #handOutOne(): boolean {
    const attachment = [...this.attachments].find(({ capacity }) => capacity > 0);
    const ticket = this.tickets[0];
    if (attachment === undefined || ticket === undefined) return false;
    attachment.capacity--;
    this.tickets.shift();
    const again = () => {
      this.tickets.unshift(ticket);
      this.handOut();
    };
    if (attachment.consumer(ticket, { done: () => {}, again })) return true;
    this.tickets.unshift(ticket);
    attachment.capacity = 0;
    return true;
  }
}

/** What the servers share. */
export class Hub {
  readonly #receivers = new Map<string, MailReceiver>();
  readonly #queues = new Map<string, Queue>();

  /** Makes the transport of one server. */
  connect({ originId, maxQueuedPerTenant }: ServerTransportContext): Promise<ServerTransport> {
    const deliver = (receiverId: string, message: Uint8Array) => {
      // The sender may use its bytes again.
      const copy = message.slice();
      queueMicrotask(() => {
        const receiver = this.#receivers.get(receiverId);
        if (receiver === undefined) this.#receivers.get(originId)?.undeliverable(receiverId);
        else receiver.mail(copy);
      });
    };
    return Promise.resolve({
      state: "ready",
      queues: {
        publish: (tenantId, ticket) => this.#publish(tenantId, ticket, maxQueuedPerTenant),
        withdraw: (tenantId, { requestId }) => this.#withdraw(tenantId, requestId),
        consume: (tenantId, consumer) => this.#consume(tenantId, consumer),
        remove: (tenantId) => Promise.resolve(void this.#queues.delete(tenantId)),
      },
      mail: {
        bufferedAmount: 0,
        maxMessageBytes: Infinity,
        open: (receiver) => {
          this.#receivers.set(originId, receiver);
          receiver.ready();
        },
        send: deliver,
        broadcast: (message) => [...this.#receivers.keys()].forEach((receiverId) => deliver(receiverId, message)),
      },
      [Symbol.asyncDispose]: () => Promise.resolve(void this.#receivers.delete(originId)),
    });
  }

  #publish(tenantId: string, ticket: QueuedRequest, maxQueuedPerTenant: number): Promise<void> {
    const queue = this.#queueOf(tenantId);
    if (queue.tickets.length >= maxQueuedPerTenant) {
      const error = new RelayError("queue_full", "Too many requests wait for this tenant", { retryAfterSeconds: 5 });
      return Promise.reject(error);
    }
    queue.tickets.push(ticket);
    queue.handOut();
    return Promise.resolve();
  }

  #withdraw(tenantId: string, requestId: string): void {
    const tickets = this.#queues.get(tenantId)?.tickets ?? [];
    const index = tickets.findIndex((ticket) => ticket.requestId === requestId);
    if (index !== -1) tickets.splice(index, 1);
  }

  #consume(tenantId: string, consumer: Consumer): Consumption {
    const queue = this.#queueOf(tenantId);
    const attachment: Attachment = { consumer, capacity: 0 };
    queue.attachments.add(attachment);
    return {
      setCapacity(requests) {
        attachment.capacity = requests;
        queue.handOut();
      },
      [Symbol.dispose]: () => void queue.attachments.delete(attachment),
    };
  }

  #queueOf(tenantId: string): Queue {
    let queue = this.#queues.get(tenantId);
    if (queue === undefined) this.#queues.set(tenantId, queue = new Queue());
    return queue;
  }
}
