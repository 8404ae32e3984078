/**
 * A body that can begin again, as long as not too much of it was read.
 *
 * @module
 */

import type { StreamBody } from "../../shared/http/message.ts";

/** Read further only when it is safe; in bytes. */
const KEPT_BYTES = 256 * 1024;

/** Reads ahead at most {@linkcode KEPT_BYTES} until a gate opens, and keeps that much. */
export class ReplayedBody {
  /** For the first way. It is not cancelled with it. */
  readonly first: StreamBody;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #gate: Promise<void>;
  readonly #length: { readonly length?: number };
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  /** What the first way is waiting for. */
  #reading: Promise<unknown> | undefined;
  #isFirstOver = false;
  readonly #begun = Promise.withResolvers<void>();
  #hasFailed = false;
  #isEnded = false;
  #readBytes = 0;

  /** @param gate Resolves when more may be read, after which there is no beginning again. */
  constructor({ stream, length }: StreamBody, gate: Promise<void>) {
    this.#reader = stream.getReader();
    this.#gate = gate;
    this.#length = length === undefined ? {} : { length };
    this.#reader.closed.catch(() => void (this.#hasFailed = true));
    this.first = { stream: this.#streamOf(() => this.#readFirst()), ...this.#length };
  }

  /** Resolves when it cannot begin again any more. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Whether it broke off by itself. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether its last byte was read. */
  get isEnded(): boolean {
    return this.#isEnded || this.#readBytes === this.#length.length;
  }

  /** The same body from its beginning; `undefined` when that is gone. The first way must be over. */
  again(): StreamBody | undefined {
    const kept = this.#kept;
    if (kept === undefined) return undefined;
    this.#isFirstOver = true;
    const next = async () => {
      await this.#reading;
      return kept.shift() ?? (await this.#reader.read()).value;
    };
    return { stream: this.#streamOf(next, { isLast: true }), ...this.#length };
  }

  /** Nobody reads it any more. */
  cancel(reason: unknown): void {
    // A body that has failed already says so to its reader.
    this.#reader.cancel(reason).catch(() => {});
  }

  async #readFirst(): Promise<Uint8Array | undefined> {
    if (this.#keptBytes >= KEPT_BYTES && !this.isEnded) {
      await this.#gate;
      if (this.#isFirstOver) return undefined;
      this.#kept = undefined;
      this.#begun.resolve();
    }
    const reading = this.#readAndKeep();
    this.#reading = reading;
    return await reading;
  }

  async #readAndKeep(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#reader.read();
    this.#readBytes += value?.length ?? 0;
    if (done) this.#isEnded = true;
    else if (this.#kept !== undefined) {
      this.#kept.push(value);
      this.#keptBytes += value.length;
    }
    return value;
  }

  #streamOf(next: () => Promise<Uint8Array | undefined>, { isLast = false } = {}): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const chunk = await next();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason) => isLast ? this.cancel(reason) : undefined,
    }, { highWaterMark: 0 });
  }
}
