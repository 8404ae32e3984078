/**
 * A body whose reader has it before it is known which way it comes.
 *
 * @module
 */

import { RelayError } from "../errors/relay_error.ts";
import type { StreamBody } from "../http/message.ts";

/** What a deferred body tells its owner. */
export interface DeferredBodyPort {
  /** Its reader wants the first byte. */
  wanted?(): void;
  /** The last byte was passed on. */
  completed(): void;
  /** It broke off after bytes of it were passed on, or does not have its length: the owner is to fail it. */
  broken(error: RelayError): void;
  /** Its reader has gone. */
  abandoned(): void;
}

interface Source {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly settle: PromiseWithResolvers<void>;
}

/** Passes on the bytes of the source it is given; of another one, as long as the one before has given none. */
export class DeferredBody {
  /** The body as its reader sees it. */
  readonly body: StreamBody & { readonly length: number };
  readonly #port: DeferredBodyPort;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #source: Source | undefined;
  #sourceGiven: (() => void) | undefined;
  #passedBytes = 0;
  #isWanted = false;
  #isOver = false;

  /** @param length The announced length in bytes. */
  constructor(length: number, port: DeferredBodyPort) {
    this.#port = port;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pull(),
      cancel: (reason) => this.#abandon(reason),
    }, { highWaterMark: 0 });
    this.body = { stream, length };
  }

  /** Whether it is being passed on from a source. */
  get hasSource(): boolean {
    return this.#source !== undefined;
  }

  /** Whether another source would come too late. */
  get hasBegun(): boolean {
    return this.#passedBytes > 0 || this.#isOver;
  }

  /**
   * Passes on a body from its beginning, instead of the one before.
   *
   * @returns Resolves when the last byte was passed on.
   * @throws {RelayError} `body_taken` when there is another one, `delivery_over` when nobody reads it any more; whatever the source failed with.
   */
  from(stream: ReadableStream<Uint8Array>): Promise<void> {
    if (this.hasBegun) {
      const error = this.#isOver ? over() : taken();
      stream.cancel(error).catch(() => {});
      return Promise.reject(error);
    }
    this.#drop(taken());
    const source = this.#source = { reader: stream.getReader(), settle: Promise.withResolvers<void>() };
    // A reader that has stopped must not keep what is broken.
    source.reader.closed.catch((error) => this.#sourceFailed(source, error));
    this.#sourceGiven?.();
    return source.settle.promise;
  }

  /** Breaks it off. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end(over(error));
    this.#controller.error(error);
  }

  async #pull(): Promise<void> {
    while (!this.#isOver) {
      const source = this.#source;
      if (source === undefined) {
        await this.#whenSourceGiven();
        continue;
      }
      try {
        const { done, value } = await source.reader.read();
        if (source !== this.#source) continue;
        if (done) return this.#complete(source);
        if (value.length === 0) continue;
        return this.#pass(value);
      } catch (error) {
        this.#sourceFailed(source, error);
      }
    }
  }

  #whenSourceGiven(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#sourceGiven = resolve;
    if (!this.#isWanted) {
      this.#isWanted = true;
      this.#port.wanted?.();
    }
    return promise;
  }

  #pass(chunk: Uint8Array): void {
    this.#passedBytes += chunk.length;
    if (this.#passedBytes > this.body.length) return this.#port.broken(wrongLength());
    this.#controller.enqueue(chunk);
  }

  #complete(source: Source): void {
    if (this.#passedBytes < this.body.length) return this.#sourceFailed(source, wrongLength());
    this.#source = undefined;
    this.#isOver = true;
    this.#controller.close();
    source.settle.resolve();
    this.#port.completed();
  }

  #sourceFailed(source: Source, error: unknown): void {
    if (source !== this.#source) return;
    this.#drop(error);
    if (this.#passedBytes === 0) return;
    this.#port.broken(
      error instanceof RelayError
        ? error
        : new RelayError("connector_lost", "Cannot pass on body: it broke off", { cause: error }),
    );
  }

  #abandon(reason: unknown): void {
    if (this.#isOver) return;
    this.#end(over(reason));
    this.#port.abandoned();
  }

  #end(error: RelayError): void {
    this.#isOver = true;
    this.#drop(error);
    this.#sourceGiven?.();
  }

  #drop(error: unknown): void {
    const source = this.#source;
    if (source === undefined) return;
    this.#source = undefined;
    source.settle.reject(error);
    source.reader.cancel(error).catch(() => {});
  }
}

function over(cause?: unknown): RelayError {
  return new RelayError("delivery_over", "The delivery is over", { cause });
}

function taken(): RelayError {
  return new RelayError("body_taken", "The body comes another way already");
}

function wrongLength(): RelayError {
  return new RelayError("invalid_request", "The body does not have the length that was announced");
}
