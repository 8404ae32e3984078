/**
 * The tenants' queues at the broker.
 *
 * @module
 */

import type { Channel, ChannelModel, ConfirmChannel, Message } from "amqplib";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import type { Consumer, Consumption, QueuedRequest, TenantQueues } from "../transport.ts";
import { AmqpConsumption } from "./amqp_consumption.ts";
import { Outbox, type OutboxEntry, type OutboxLimits } from "./outbox.ts";
import { declareTenantQueue, decodeTicket, encodeTicket, type QueueType, tenantQueue } from "./topology.ts";

/** How long the broker may take to declare a queue, in milliseconds; then the connection is made anew. */
const DECLARE_TIMEOUT_MS = 10_000;
/** Queues that are known to be there; more are declared again. */
const MAX_DECLARED = 20_000;

/** How the queues are. */
export interface AmqpQueuesOptions {
  readonly queueType: QueueType;
  readonly limits: OutboxLimits;
}

/** A durable queue for each tenant. */
export class AmqpQueues implements TenantQueues {
  readonly #options: AmqpQueuesOptions;
  readonly #outbox: Outbox;
  readonly #consumptions = new Set<AmqpConsumption>();
  readonly #declared = new Map<string, Promise<void>>();
  /** Requests whose tickets the broker gave back, until it confirms them all the same. */
  readonly #returned = new Set<string>();
  #publishing: ConfirmChannel | undefined;
  #consuming: Channel | undefined;
  /** Whether this origin gets its mail. Whoever takes a ticket asks for the request at once, and forgets tickets of origins that cannot be asked. */
  #isReady = false;

  constructor(options: AmqpQueuesOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.limits);
  }

  async publish(tenantId: string, request: QueuedRequest): Promise<void> {
    const entry = this.#outbox.add(tenantId, request);
    if (this.#isReady) this.#send(entry);
    await entry.published.promise;
  }

  withdraw(tenantId: string, { requestId }: QueuedRequest): void {
    if (this.#outbox.get(requestId)?.tenantId === tenantId) this.#outbox.withdraw(requestId);
  }

  consume(tenantId: string, consumer: Consumer): Consumption {
    const consumption: AmqpConsumption = new AmqpConsumption({
      tenantId,
      queueType: this.#options.queueType,
      consumer: (request, settlement) => {
        const entry = this.#outbox.get(request.requestId);
        const isTaken = consumer(request, settlement);
        if (isTaken && entry !== undefined) this.#outbox.withdraw(request.requestId, entry);
        return isTaken;
      },
      declare: () => this.#declare(tenantId),
      missing: () => void this.#declared.delete(tenantId),
      ended: () => this.#consumptions.delete(consumption),
    });
    this.#consumptions.add(consumption);
    consumption.attach(this.#consuming);
    return consumption;
  }

  async remove(tenantId: string): Promise<void> {
    if (this.#publishing === undefined) {
      throw new RelayError("transport_unavailable", "Cannot delete the tenant's queue: the broker is away");
    }
    this.#declared.delete(tenantId);
    await this.#publishing.deleteQueue(tenantQueue(tenantId, this.#options.queueType));
  }

  /** Makes the channel that consumes. */
  async openConsuming(model: ChannelModel): Promise<Channel> {
    const channel = await model.createChannel();
    channel.on("error", ignore);
    channel.once("close", () => this.#consumingLost(channel));
    this.#consuming = channel;
    for (const consumption of this.#consumptions) consumption.attach(channel);
    return channel;
  }

  /** Makes the channel that publishes. */
  async openPublishing(model: ChannelModel): Promise<Channel> {
    const channel = await model.createConfirmChannel();
    channel.on("error", ignore);
    // Before amqplib calls back for what was sent by it: that fails with its channel, the broker has not refused it.
    channel.prependOnceListener("close", () => {
      if (this.#publishing === channel) this.#publishing = undefined;
    });
    channel.on("return", ({ content }: Message) => void this.#returned.add(decodeTicket(content)!.requestId));
    this.#declared.clear();
    this.#returned.clear();
    this.#publishing = channel;
    for (const consumption of this.#consumptions) consumption.retry();
    return channel;
  }

  /** Mail comes in again: publishes what waits, and what others may have forgotten since. */
  ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    for (const entry of this.#outbox.list()) this.#send(entry);
  }

  /** No mail comes in. */
  lost(): void {
    this.#isReady = false;
  }

  /** Nothing more will be published. */
  close(): void {
    this.#isReady = false;
    this.#publishing = undefined;
    this.#outbox.fail(new RelayError("transport_unavailable", "The server stops"));
  }

  #consumingLost(channel: Channel): void {
    if (this.#consuming !== channel) return;
    this.#consuming = undefined;
    for (const consumption of this.#consumptions) consumption.attach(undefined);
  }

  #send(entry: OutboxEntry): void {
    if (this.#publishing !== undefined) void this.#sendBy(this.#publishing, entry);
  }

  /** What fails here fails with its channel, and is published again when the next one is ready. */
  async #sendBy(channel: ConfirmChannel, entry: OutboxEntry): Promise<void> {
    const { tenantId, request, expiresAtMs } = entry;
    try {
      await this.#declare(tenantId);
      if (!this.#outbox.has(entry)) return;
      const remainingMs = Math.max(1, Math.ceil(expiresAtMs - performance.now()));
      channel.sendToQueue(
        tenantQueue(tenantId, this.#options.queueType),
        encodeTicket(request),
        { persistent: true, mandatory: true, ...(remainingMs === Infinity ? {} : { expiration: remainingMs }) },
        (error) => {
          if (error === null) this.#confirmed(entry);
          else if (this.#publishing === channel) this.#outbox.refused(entry, error);
        },
      );
    } catch {
      this.#declared.delete(tenantId);
    }
  }

  /** A ticket that was given back had no queue to go to: somebody has deleted it since it was declared. */
  #confirmed(entry: OutboxEntry): void {
    if (!this.#returned.delete(entry.request.requestId)) return this.#outbox.confirmed(entry);
    this.#declared.delete(entry.tenantId);
    this.#send(entry);
  }

  /** Once for each tenant, and in one place: two declarations of one quorum queue at the same time can get stuck at the broker. */
  async #declare(tenantId: string): Promise<void> {
    const channel = this.#publishing;
    if (channel === undefined) throw new Error("Cannot declare queue: the broker is away");
    let declared = this.#declared.get(tenantId);
    if (declared === undefined) {
      if (this.#declared.size >= MAX_DECLARED) this.#declared.clear();
      const timer = setTimeout(() => channel.close().catch(ignore), DECLARE_TIMEOUT_MS);
      declared = declareTenantQueue(channel, tenantId, this.#options.queueType).finally(() => clearTimeout(timer));
      this.#declared.set(tenantId, declared);
    }
    await declared;
  }
}

/** A channel that fails is closed, which is what is listened to; without a listener the error would end the program. */
function ignore(): void {}
