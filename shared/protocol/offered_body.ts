/**
 * A request's body that waits to be fetched by HTTP, or to be sent by the connection.
 *
 * @module
 */

import { RelayError } from "../errors/relay_error.ts";
import type { StreamBody } from "../http/message.ts";

/** A body with its length, passed on to one of two ways. */
export class OfferedBody {
  readonly #body: StreamBody & { readonly length: number };
  readonly #broken: (error: RelayError) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #state: "offered" | "taken" | "over" = "offered";

  /** @param broken Called when the body breaks off while it is fetched. */
  constructor(body: StreamBody & { readonly length: number }, broken: (error: RelayError) => void) {
    this.#body = body;
    this.#broken = broken;
  }

  /** Whether it was fetched, completely or not. */
  get isFetched(): boolean {
    return this.#reader !== undefined;
  }

  /** Takes it for the connection. True once, and only before it was fetched. */
  take(): boolean {
    if (this.#state !== "offered") return false;
    this.#state = "taken";
    return true;
  }

  /**
   * Takes it for an HTTP answer.
   *
   * @throws {RelayError} `body_taken`.
   */
  open(): StreamBody {
    if (!this.take()) throw new RelayError("body_taken", "The body was fetched, or is sent by the connection");
    const reader = this.#reader = this.#body.stream.getReader();
    reader.closed.catch((error) => this.#fail(error));
    let restBytes = this.#body.length;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: async (controller) => {
        const next = await reader.read().catch((error) => this.#fail(error));
        if (next === undefined || this.#state === "over") return;
        restBytes -= next.value?.length ?? 0;
        if (restBytes < 0 || (next.done && restBytes > 0)) return this.#fail(new RangeError("Its length is wrong"));
        if (!next.done) return controller.enqueue(next.value);
        this.#state = "over";
        controller.close();
      },
      // The target does not want the rest; it may answer nevertheless.
      cancel: (reason) => this.stop(reason),
    }, { highWaterMark: 0 });
    return { stream, length: this.#body.length };
  }

  /** Nobody wants the rest; a fetch under way breaks off. Without effect on a body that the connection sends. */
  stop(reason: unknown): void {
    if (this.#state === "over" || (this.#state === "taken" && this.#reader === undefined)) return;
    this.#state = "over";
    (this.#reader ?? this.#body.stream).cancel(reason).catch(() => {});
    try {
      this.#controller?.error(reason);
    } catch {
      // Its reader has gone already.
    }
  }

  #fail(cause: unknown): void {
    if (this.#state === "over") return;
    const error = cause instanceof RelayError
      ? cause
      : new RelayError("client_gone", "Cannot read the request's body", { cause });
    this.stop(error);
    this.#broken(error);
  }
}
