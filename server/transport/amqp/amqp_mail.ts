/**
 * Mail by the broker: an exclusive queue for what comes in, exchanges for what goes out.
 *
 * @module
 */

import type { Channel, ChannelModel, Message } from "amqplib";
import { getLogger } from "../../../shared/log/mod.ts";
import type { MailReceiver, OriginMail } from "../transport.ts";
import { asBuffer, BROADCAST_EXCHANGE, declareExchanges, MAIL_EXCHANGE } from "./topology.ts";

const logger = getLogger("transport");

/** What the broker has to take, in bytes: a part of a body with what belongs to it, and most heads. */
const LEAST_MESSAGE_BYTES = 128 * 1024;
const TOO_LARGE = /larger than (?:configured )?max size (\d+)/;

/** Mail of one origin. Channels come and go with the broker; what is sent while there is none is lost. */
export class AmqpMail implements OriginMail {
  readonly #originId: string;
  #receiver: MailReceiver | undefined;
  #isReady = false;
  #isHeld = false;
  #outgoing: Channel | undefined;
  #unsentBytes = 0;
  #maxMessageBytes = Infinity;

  constructor(originId: string) {
    this.#originId = originId;
  }

  get bufferedAmount(): number {
    return this.#unsentBytes;
  }

  get maxMessageBytes(): number {
    return this.#maxMessageBytes;
  }

  open(receiver: MailReceiver): void {
    this.#receiver = receiver;
    if (!this.#isReady) return;
    if (this.#isHeld) receiver.held();
    else receiver.ready();
  }

  send(originId: string, message: Uint8Array): void {
    // Mandatory: mail to an origin that has died comes back at once.
    this.#publish(MAIL_EXCHANGE, originId, message, { mandatory: true });
  }

  broadcast(message: Uint8Array): void {
    this.#publish(BROADCAST_EXCHANGE, "", message, {});
  }

  /** Makes the channel for what comes in. */
  async openIncoming(model: ChannelModel): Promise<Channel> {
    const channel = await model.createChannel();
    channel.on("error", ignore);
    await declareExchanges(channel);
    // A name of its own for every connection: a queue of a connection that the broker still takes for alive could not be used.
    const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true, durable: false });
    await channel.bindQueue(queue, MAIL_EXCHANGE, this.#originId);
    await channel.bindQueue(queue, BROADCAST_EXCHANGE, "");
    await channel.consume(queue, (message) => this.#received(message), { noAck: true });
    return channel;
  }

  /** Makes the channel for what goes out. */
  async openOutgoing(model: ChannelModel): Promise<Channel> {
    const channel = await model.createChannel();
    channel.on("error", (error: Error) => this.#learnLimit(error));
    channel.on("return", ({ fields }: Message) => this.#receiver?.undeliverable(fields.routingKey));
    channel.on("drain", () => {
      if (this.#outgoing === channel) this.#unsentBytes = 0;
    });
    await declareExchanges(channel);
    this.#outgoing = channel;
    this.#unsentBytes = 0;
    return channel;
  }

  /** Both channels are there. */
  ready(): void {
    if (this.#isReady && !this.#isHeld) return;
    this.#isReady = true;
    this.#isHeld = false;
    this.#receiver?.ready();
  }

  /** Both channels are there, but the broker takes nothing. */
  held(): void {
    if (this.#isReady && this.#isHeld) return;
    this.#isReady = true;
    this.#isHeld = true;
    this.#receiver?.held();
  }

  /** One of the channels is not there any more. */
  lost(): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#isHeld = false;
    this.#receiver?.lost();
  }

  /** The broker does not tell its limit before it closes a channel for a message beyond it. */
  #learnLimit({ message }: Error): void {
    const limitBytes = Number(TOO_LARGE.exec(message)?.[1]);
    if (Number.isNaN(limitBytes)) return;
    this.#maxMessageBytes = Math.max(LEAST_MESSAGE_BYTES, limitBytes);
    logger.error("The broker takes messages of {limitBytes} bytes at most: larger ones fail from now on", {
      limitBytes,
    });
    if (limitBytes >= LEAST_MESSAGE_BYTES) return;
    logger.error("Set the broker's max_message_size to {neededBytes} bytes at least: bodies cannot pass otherwise", {
      neededBytes: LEAST_MESSAGE_BYTES,
    });
  }

  #received(message: Message | null): void {
    if (message !== null) this.#receiver?.mail(message.content);
  }

  #publish(exchange: string, routingKey: string, message: Uint8Array, options: { readonly mandatory?: boolean }): void {
    if (!this.#isReady || this.#outgoing === undefined) return;
    try {
      const hasRoom = this.#outgoing.publish(exchange, routingKey, asBuffer(message), options);
      this.#unsentBytes = hasRoom ? 0 : this.#unsentBytes + message.length;
    } catch (error) {
      // The channel is being closed: what is sent now is lost with it.
      logger.debug("Cannot send mail: {error}", { error });
    }
  }
}

/** A channel that fails is closed, which is what is listened to; without a listener the error would end the program. */
function ignore(): void {}
