/**
 * Keeps what this origin answers itself off the carrier.
 *
 * @module
 */

import type { MailReceiver, OriginMail } from "../transport/transport.ts";
import { decodeMail } from "./mail.ts";

/** Mail whose answers to this origin take the short way; requests and all else go by the carrier. */
export class ShortcutMail implements OriginMail {
  readonly #mail: OriginMail;
  readonly #originId: string;
  #receiver: MailReceiver | undefined;

  constructor(mail: OriginMail, originId: string) {
    this.#mail = mail;
    this.#originId = originId;
  }

  get bufferedAmount(): number {
    return this.#mail.bufferedAmount;
  }

  get maxMessageBytes(): number {
    return this.#mail.maxMessageBytes;
  }

  open(receiver: MailReceiver): void {
    this.#receiver = receiver;
    this.#mail.open(receiver);
  }

  send(originId: string, message: Uint8Array): void {
    if (originId !== this.#originId || decodeMail(message)?.to !== "opener") return this.#mail.send(originId, message);
    const copy = message.slice();
    queueMicrotask(() => this.#receiver?.mail(copy));
  }

  broadcast(message: Uint8Array): void {
    this.#mail.broadcast(message);
  }
}
