/**
 * Watches a response's body on its way to the client.
 *
 * @module
 */

import { RelayError, type RelayErrorCode } from "../../shared/errors/relay_error.ts";
import { type Body, isStreamBody, type StreamBody } from "../../shared/http/message.ts";

/** How a body ended: `undefined` when it is complete. */
export type BodyEnded = (bytes: number, error: RelayError | undefined) => void;

/** What a response's body may cost. */
export interface ResponseBodyLimits {
  /** How long a target may send nothing, or a client take nothing, in milliseconds; `undefined` for no limit. */
  readonly idleTimeoutMs: number | undefined;
}

/** Passes a body through and calls back once when it has ended, was broken off, or the client has left. */
export function watchBody(body: StreamBody, limits: ResponseBodyLimits, ended: BodyEnded): ReadableStream<Uint8Array> {
  return new ReadableStream(new WatchedBody(body, limits, ended), { highWaterMark: 0 });
}

class WatchedBody implements UnderlyingDefaultSource<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #idleTimeoutMs: number | undefined;
  readonly #ended: BodyEnded;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;
  #hasEnded = false;

  constructor({ stream }: StreamBody, { idleTimeoutMs }: ResponseBodyLimits, ended: BodyEnded) {
    this.#reader = stream.getReader();
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#ended = ended;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    // A client that does not read must not keep what is broken: it would hold up the end of the server, too.
    this.#reader.closed.catch((error) => this.#fail(error));
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#limit("target_timeout", "The target stopped sending");
    try {
      const { done, value } = await this.#reader.read();
      if (this.#hasEnded) return;
      if (done) {
        this.#end(undefined);
        return controller.close();
      }
      this.#bytes += value.length;
      controller.enqueue(value);
      this.#limit("client_gone", "The client stopped reading");
    } catch (error) {
      this.#fail(error);
    }
  }

  cancel(reason: unknown): Promise<void> {
    this.#end(new RelayError("client_gone", "The client has left"));
    return this.#reader.cancel(reason);
  }

  /** The next step is due within the limit, if there is one. */
  #limit(code: RelayErrorCode, message: string): void {
    if (this.#idleTimeoutMs === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const error = new RelayError(code, message);
      this.#fail(error);
      this.#reader.cancel(error).catch(() => {});
    }, this.#idleTimeoutMs);
  }

  #fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#end(
      error instanceof RelayError
        ? error
        : new RelayError("internal_error", "The response broke off", { cause: error }),
    );
    this.#controller.error(error);
  }

  #end(error: RelayError | undefined): void {
    clearTimeout(this.#timer);
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ended(this.#bytes, error);
  }
}

/** Passes a body through, and says after each part how many bytes there were so far. */
export function countBody({ stream, length }: StreamBody, counted: (bytes: number) => void): StreamBody {
  const reader = stream.getReader();
  let bytes = 0;
  const counting = new ReadableStream<Uint8Array>({
    start(controller) {
      // Whoever does not read learns of a body that broke off, too.
      reader.closed.catch((error) => controller.error(error));
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      counted(bytes += value.length);
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return length === undefined ? { stream: counting } : { stream: counting, length };
}

/** Says that nobody will read a body, unless somebody does already. */
export function giveUpBody(body: Body): void {
  if (isStreamBody(body) && !body.stream.locked) body.stream.cancel().catch(() => {});
}
