/**
 * The receiver that the contract of message pipes is checked with.
 *
 * @module
 */

import type { MessagePipe, PipeReceiver } from "./pipe.ts";

/** A receiver that remembers everything. */
export class Recorder implements PipeReceiver {
  readonly messages: Uint8Array[] = [];
  /** Resolves with code and reason when the pipe has ended. */
  readonly end: Promise<[number, string]>;
  readonly #settleEnd: (end: [number, string]) => void;
  #ends = 0;
  #messagesAfterEnd = 0;
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  /** Opens the pipe, if one is given. */
  constructor(pipe?: MessagePipe) {
    const { promise, resolve } = Promise.withResolvers<[number, string]>();
    this.end = promise;
    this.#settleEnd = resolve;
    pipe?.open(this);
  }

  message(bytes: Uint8Array): void {
    if (this.#ends > 0) this.#messagesAfterEnd++;
    this.messages.push(bytes);
    if (this.messages.length === this.#waiting?.count) this.#waiting.resolve();
  }

  closed(code: number, reason: string): void {
    this.#ends++;
    this.#settleEnd([code, reason]);
  }

  /** Resolves when so many messages have arrived; rejects when the pipe ends before. */
  received(count: number): Promise<void> {
    if (this.messages.length >= count) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting = { count, resolve };
    this.end.then(([code]) => reject(new Error(`The pipe ended with ${code} after ${this.messages.length} messages`)));
    return promise;
  }

  /** Resolves when the end was told once and nothing follows it; rejects otherwise. */
  async saysNothingMore(): Promise<void> {
    await turns();
    if (this.#ends !== 1) throw new Error(`The end was told ${this.#ends} times`);
    if (this.#messagesAfterEnd > 0) throw new Error(`${this.#messagesAfterEnd} messages came after the end`);
  }
}

/** Lets what is under way in this process happen: several turns of the event loop. */
export async function turns(): Promise<void> {
  for (let index = 0; index < 10; index++) await new Promise((resolve) => setTimeout(resolve, 1));
}
