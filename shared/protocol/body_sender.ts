/**
 * The sending end of one body: a stream in, frames out, as fast as the peer gives credit.
 *
 * @module
 */

import type { StreamBody } from "../http/message.ts";
import { CHUNK_BYTES } from "./frame.ts";

/** What a body being sent needs of its session. */
export interface BodySenderPort {
  /** Sends one piece, at most 64 KiB. */
  send(chunk: Uint8Array, hasMore: boolean): void;
  /** Resolves when the socket has room; `undefined` when it has room now. */
  whenWritable(): Promise<void> | undefined;
}

const NOTHING = new Uint8Array(0);

/** Pumps one body. */
export class BodySender {
  readonly #port: BodySenderPort;
  readonly #body: StreamBody;
  #creditBytes: number;
  #isStopped = false;
  #hasSourceFailed = false;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #wake: (() => void) | undefined;

  constructor(port: BodySenderPort, body: StreamBody, creditBytes: number) {
    this.#port = port;
    this.#body = body;
    this.#creditBytes = creditBytes;
  }

  /** The peer gave credit. */
  addCredit(bytes: number): void {
    this.#creditBytes += bytes;
    this.#wake?.();
  }

  /** Stops for good and cancels the source. `run` then resolves to false. */
  stop(reason: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#wake?.();
    // A source that fails while it is being cancelled has nobody left to tell.
    this.#reader?.cancel(reason).catch(() => {});
  }

  /**
   * Sends the whole body. It reads one chunk ahead, so that a source that fails while the peer gives no credit is
   * noticed at once.
   *
   * @returns True when the last byte was sent, false when it was stopped.
   * @throws Whatever the source failed with; a `RangeError` when it does not have its announced length.
   */
  async run(): Promise<boolean> {
    if (this.#isStopped) return false;
    const reader = this.#reader = this.#body.stream.getReader();
    let remaining = this.#body.length ?? Infinity;
    let next = this.#readAhead(reader);
    while (!this.#isStopped) {
      const { done, value } = await next;
      if (this.#isStopped) break;
      if (done) {
        if (remaining === 0 && this.#body.length !== 0) return true;
        if (remaining > 0 && remaining !== Infinity) {
          throw new RangeError(`The body ended ${remaining} bytes short of its length`);
        }
        this.#port.send(NOTHING, false);
        return true;
      }
      remaining -= value.length;
      if (remaining < 0) throw new RangeError("The body is longer than its length");
      next = this.#readAhead(reader);
      await this.#sendPieces(value, remaining === 0);
    }
    return false;
  }

  async #sendPieces(chunk: Uint8Array, isLast: boolean): Promise<void> {
    for (let offset = 0; offset < chunk.length;) {
      while (this.#creditBytes === 0 && !this.#isStopped && !this.#hasSourceFailed) {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
      await this.#port.whenWritable();
      if (this.#isStopped || this.#creditBytes === 0) return;
      const size = Math.min(chunk.length - offset, this.#creditBytes, CHUNK_BYTES);
      this.#creditBytes -= size;
      const end = offset + size;
      this.#port.send(chunk.subarray(offset, end), !(isLast && end === chunk.length));
      offset = end;
    }
  }

  /** Starts a read. When it fails, `run` does not wait for credit any more; whoever awaits the read gets the error. */
  #readAhead(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
    const next = reader.read();
    next.catch(() => {
      this.#hasSourceFailed = true;
      this.#wake?.();
    });
    return next;
  }
}
