/**
 * The server transport over RabbitMQ (AMQP 0-9-1).
 *
 * @module
 */

import type { Channel, ChannelModel } from "amqplib";
import { getLogger } from "../../../shared/log/mod.ts";
import type { ServerTransport, TransportState } from "../transport.ts";
import { AmqpMail } from "./amqp_mail.ts";
import { AmqpQueues } from "./amqp_queues.ts";
import { BrokerConnection } from "./broker_connection.ts";
import type { QueueType } from "./topology.ts";

const logger = getLogger("transport");

/** Tickets of all tenants that wait at this origin while the broker is away. */
const MAX_WAITING = 10_000;

/** How an {@link AmqpTransport} is set up. */
export interface AmqpTransportOptions {
  /** UUID of this origin. */
  readonly originId: string;
  /** `amqp:` or `amqps:`, one after the other is tried. */
  readonly urls: readonly string[];
  readonly queueType: QueueType;
  /** Requests of one tenant that may wait. */
  readonly maxQueuedPerTenant: number;
  /** File with certificates of authorities that brokers are trusted by, in PEM. */
  readonly caFile?: string | undefined;
}

/** Queues and mail at a broker that may come and go. */
export class AmqpTransport implements ServerTransport {
  readonly queues: AmqpQueues;
  readonly mail: AmqpMail;
  /** Resolves when the broker is there for the first time. */
  readonly connected: Promise<void>;
  readonly #settleConnected: () => void;
  #publishing: BrokerConnection | undefined;
  #consuming: BrokerConnection | undefined;
  #isClosed = false;

  private constructor({ originId, queueType, maxQueuedPerTenant }: AmqpTransportOptions) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.connected = promise;
    this.#settleConnected = resolve;
    this.mail = new AmqpMail(originId);
    this.queues = new AmqpQueues({ queueType, limits: { perTenant: maxQueuedPerTenant, total: MAX_WAITING } });
  }

  /** Starts to connect. Resolves at once: until the broker is there the transport is `away`. */
  static async open(options: AmqpTransportOptions): Promise<AmqpTransport> {
    const transport = new AmqpTransport(options);
    await transport.#connect(options);
    return transport;
  }

  get state(): TransportState {
    const publishing = this.#publishing?.state ?? "away";
    const consuming = this.#consuming?.state ?? "away";
    if (publishing === "away" || consuming === "away") return "away";
    return publishing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.queues.close();
    // Publishing first: it waits for what was sent.
    await this.#publishing?.[Symbol.asyncDispose]();
    await this.#consuming?.[Symbol.asyncDispose]();
  }

  /** Two connections: a broker that holds publishers back stops reading from their sockets, and with it acknowledgements. */
  async #connect({ urls, caFile, originId }: AmqpTransportOptions): Promise<void> {
    this.#consuming = await BrokerConnection.open({
      urls,
      caFile,
      name: `relayserver ${originId} consuming`,
      setUp: (model) => this.#setUp(model, [(m) => this.mail.openIncoming(m), (m) => this.queues.openConsuming(m)]),
      changed: () => this.#changed(),
    });
    this.#publishing = await BrokerConnection.open({
      urls,
      caFile,
      name: `relayserver ${originId} publishing`,
      setUp: (model) => this.#setUp(model, [(m) => this.mail.openOutgoing(m), (m) => this.queues.openPublishing(m)]),
      changed: () => this.#changed(),
    });
  }

  async #setUp(model: ChannelModel, openers: readonly ((model: ChannelModel) => Promise<Channel>)[]): Promise<void> {
    // Losing the connection while channels are made would end the program without a listener.
    model.on("error", (error) => logger.debug("Broker connection: {error}", { error }));
    for (const open of openers) await this.#open(model, open);
  }

  /**
   * The broker may close a channel and leave the connection: for a message that is too large, or a queue that was deleted. The connection is
   * made anew then, so that there is one way back from everything.
   */
  async #open(model: ChannelModel, open: (model: ChannelModel) => Promise<Channel>): Promise<void> {
    const channel = await open(model);
    channel.once("close", () => {
      this.#lost();
      if (this.#isClosed) return;
      // Without effect when the whole connection is lost already.
      model.close().catch((error) => logger.debug("Broker connection: {error}", { error }));
    });
  }

  #changed(): void {
    const { state } = this;
    if (state === "away") return this.#lost();
    if (state === "blocked") this.mail.held();
    else this.mail.ready();
    this.queues.ready();
    this.#settleConnected();
  }

  #lost(): void {
    this.queues.lost();
    this.mail.lost();
  }
}
