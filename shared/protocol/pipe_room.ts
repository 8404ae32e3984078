/**
 * How full a pipe is: what was sent lies in memory until its socket has taken it.
 *
 * @module
 */

import type { MessagePipe } from "./pipe.ts";

/** Bodies wait while more than this lies unsent in the socket, in bytes (protocol §5). */
const HIGH_WATER_BYTES = 1024 * 1024;
/** A peer that lets this much pile up does not read at all, in bytes. */
const LIMIT_BYTES = 64 * 1024 * 1024;
/** How often a congested socket is looked at, in milliseconds: neither `ws` nor native WebSockets tell when they have room. */
const POLL_MS = 2;

/** The room in one pipe. Disposing lets all go on who wait for it. */
export class PipeRoom implements Disposable {
  readonly #pipe: Pick<MessagePipe, "bufferedAmount">;
  #isDisposed = false;
  #room: Promise<void> | undefined;

  constructor(pipe: Pick<MessagePipe, "bufferedAmount">) {
    this.#pipe = pipe;
  }

  /** Whether so much lies there that the peer cannot be reading. */
  get isExceeded(): boolean {
    return this.#pipe.bufferedAmount > LIMIT_BYTES;
  }

  /** Waits until there is room for more of a body; `undefined` when there is. */
  whenFree(): Promise<void> | undefined {
    if (this.#isFree) return undefined;
    return this.#room ??= new Promise((resolve) => {
      const poll = () => {
        if (!this.#isFree) return void setTimeout(poll, POLL_MS);
        this.#room = undefined;
        resolve();
      };
      setTimeout(poll, POLL_MS);
    });
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
  }

  get #isFree(): boolean {
    return this.#isDisposed || this.#pipe.bufferedAmount <= HIGH_WATER_BYTES;
  }
}
