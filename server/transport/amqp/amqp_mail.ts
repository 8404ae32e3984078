/**
 * Mail by the broker: an exclusive queue for what comes in, exchanges for what goes out.
 *
 * @module
 */

import type { Channel, ChannelModel, Message } from "amqplib";
import type { MailReceiver, OriginMail } from "../transport.ts";
import { asBuffer, BROADCAST_EXCHANGE, declareExchanges, MAIL_EXCHANGE } from "./topology.ts";

/** Mail of one origin. Channels come and go with the broker; what is sent while there is none is lost. */
export class AmqpMail implements OriginMail {
  readonly #originId: string;
  #receiver: MailReceiver | undefined;
  #isReady = false;
  #isHeld = false;
  #outgoing: Channel | undefined;
  #unsentBytes = 0;

  constructor(originId: string) {
    this.#originId = originId;
  }

  get bufferedAmount(): number {
    return this.#unsentBytes;
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
    channel.on("error", ignore);
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

  #received(message: Message | null): void {
    if (message !== null) this.#receiver?.mail(message.content);
  }

  #publish(exchange: string, routingKey: string, message: Uint8Array, options: { readonly mandatory?: boolean }): void {
    if (!this.#isReady || this.#outgoing === undefined) return;
    const hasRoom = this.#outgoing.publish(exchange, routingKey, asBuffer(message), options);
    this.#unsentBytes = hasRoom ? 0 : this.#unsentBytes + message.length;
  }
}

/** A channel that fails is closed, which is what is listened to; without a listener the error would end the program. */
function ignore(): void {}
