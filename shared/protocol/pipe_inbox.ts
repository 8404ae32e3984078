/**
 * The receiving half of a pipe.
 *
 * @module
 */

import type { PipeReceiver } from "./pipe.ts";

/** Holds what arrived until there is a receiver, and tells each receiver what is its own: every message once, in order, and then the end. */
export class PipeInbox {
  readonly #waiting: Uint8Array[] = [];
  #receiver: PipeReceiver | undefined;
  #end: { readonly code: number; readonly reason: string } | undefined;
  #isDelivering = false;
  #isEndTold = false;

  /** Whether the pipe has ended, told or not. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Delivers to this receiver from now on. May be called by a receiver that is being told a message. */
  open(receiver: PipeReceiver): void {
    this.#receiver = receiver;
    this.#deliver();
  }

  /** A message arrived. Nothing arrives after the end. */
  message(bytes: Uint8Array): void {
    if (this.#end !== undefined) return;
    if (this.#isDelivering || this.#receiver === undefined) return void this.#waiting.push(bytes);
    // Not by way of the array: one that has held anything keeps 150 bytes for more.
    this.#isDelivering = true;
    this.#receiver.message(bytes);
    this.#isDelivering = false;
    this.#deliver();
  }

  /** The pipe has ended. Idempotent. */
  closed(code: number, reason: string): void {
    if (this.#end !== undefined) return;
    this.#end = { code, reason };
    this.#deliver();
  }

  #deliver(): void {
    if (this.#isDelivering || this.#receiver === undefined) return;
    this.#isDelivering = true;
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      this.#receiver.message(message);
    }
    this.#isDelivering = false;
    if (this.#end === undefined || this.#isEndTold) return;
    this.#isEndTold = true;
    this.#receiver.closed(this.#end.code, this.#end.reason);
  }
}
