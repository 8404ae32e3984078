/**
 * A request body that can be begun once more: for an origin that sends its request back untouched.
 *
 * @module
 */

import type { StreamBody } from "../../shared/http/message.ts";

/** What is kept at most, in bytes. An origin without room says so long before it has got this much. */
const MAX_KEPT_BYTES = 512 * 1024;

/** A body on its way to origins, one after the other. */
export class ReplayableBody {
  readonly #body: StreamBody;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #reading: Promise<void> | undefined;
  #isEnded = false;
  #isRepeatable = true;

  constructor(body: StreamBody) {
    this.#body = body;
  }

  /** Whether it can be begun once more. */
  get isRepeatable(): boolean {
    return this.#isRepeatable;
  }

  /**
   * The body from its beginning.
   *
   * @param isRefused Asked when the stream is cancelled: whether the body is still wanted, by somebody else.
   */
  attempt(isRefused: () => boolean): StreamBody {
    let index = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        while (index >= this.#kept.length && !this.#isEnded) await (this.#reading ??= this.#read());
        const part = this.#kept[index];
        if (part === undefined) return controller.close();
        index++;
        controller.enqueue(part);
        if (this.#isRepeatable) return;
        // Only what was passed on: an attempt that began anew may be behind what is kept.
        this.#kept.splice(0, index);
        index = 0;
      },
      cancel: async (reason) => {
        if (isRefused() && this.#isRepeatable) return;
        await this.cancel(reason);
      },
    }, { highWaterMark: 0 });
    const { length } = this.#body;
    return length === undefined ? { stream } : { stream, length };
  }

  /** Nobody wants it any more. Idempotent. */
  async cancel(reason: unknown): Promise<void> {
    await (this.#reader ??= this.#body.stream.getReader()).cancel(reason);
  }

  /** One part, for whoever asks for it first: an attempt that is over leaves it to the next one. */
  async #read(): Promise<void> {
    this.#reader ??= this.#body.stream.getReader();
    try {
      const { done, value } = await this.#reader.read();
      if (done) this.#isEnded = true;
      else {
        this.#kept.push(value);
        this.#keptBytes += value.length;
        this.#isRepeatable = this.#keptBytes <= MAX_KEPT_BYTES;
      }
    } finally {
      this.#reading = undefined;
    }
  }
}
