/**
 * The receiving end of one body: frames in, a stream with back-pressure out.
 *
 * @module
 */

import type { StreamBody } from "../http/message.ts";
import { ProtocolError } from "./protocol_error.ts";
import type { ReceiveWindow } from "./window.ts";

/** Pieces that wait are joined up to this size, in bytes: bodies in tiny frames must not cost more memory than their window counts. */
const JOINED_BYTES = 4096;

/** What a body being received may ask of its session. */
export interface BodyReceiverPort {
  /** The peer may send this many more bytes. */
  grant(bytes: number): void;
  /** The reader is not interested any more. Not called after the body ended or failed. */
  abandon(): void;
}

/** A body that arrives in frames. Memory held is at most its window. */
export class BodyReceiver {
  /** The body as its reader sees it. */
  readonly body: StreamBody;
  readonly #window: ReceiveWindow;
  readonly #port: BodyReceiverPort;
  readonly #length: number | undefined;
  readonly #chunks: Uint8Array[] = [];
  #receivedBytes = 0;
  #isComplete = false;
  #isOver = false;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #wake: (() => void) | undefined;

  /** @param length The announced length in bytes, when there is one. */
  constructor(port: BodyReceiverPort, window: ReceiveWindow, length: number | undefined) {
    this.#port = port;
    this.#window = window;
    this.#length = length;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pull(),
      cancel: () => this.#abandon(),
    }, { highWaterMark: 0 });
    this.body = length === undefined ? { stream } : { stream, length };
  }

  /** Whether the last byte has arrived, or never will. */
  get isSettled(): boolean {
    return this.#isComplete || this.#isOver;
  }

  /**
   * Takes the payload of one frame.
   *
   * @param hasMore Whether further frames follow.
   * @throws {ProtocolError} `flow_control` when the peer had no credit, `body_length` when the body does not have its announced length.
   */
  receive(chunk: Uint8Array, hasMore: boolean): void {
    if (this.isSettled) return;
    this.#receivedBytes += chunk.length;
    if (!this.#window.accept(chunk.length)) throw new ProtocolError("flow_control", "A body exceeds its credit");
    if (
      this.#length !== undefined &&
      (this.#receivedBytes > this.#length || (!hasMore && this.#receivedBytes < this.#length))
    ) {
      throw new ProtocolError("body_length", `A body of ${this.#length} bytes came with ${this.#receivedBytes}`);
    }
    if (chunk.length > 0) this.#keep(chunk);
    this.#isComplete = !hasMore;
    this.#wake?.();
  }

  /** Breaks the body off: its reader gets the error at once, what was not read yet is dropped. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#controller.error(error);
    this.#wake?.();
  }

  #keep(chunk: Uint8Array): void {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.length + chunk.length <= JOINED_BYTES) {
      const joined = new Uint8Array(last.length + chunk.length);
      joined.set(last);
      joined.set(chunk, last.length);
      this.#chunks[this.#chunks.length - 1] = joined;
    } else {
      // A view keeps the whole message alive, whatever else was in it.
      this.#chunks.push(chunk.length * 2 < chunk.buffer.byteLength ? new Uint8Array(chunk) : chunk);
    }
  }

  async #pull(): Promise<void> {
    while (!this.#isOver && this.#chunks.length === 0 && !this.#isComplete) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    if (this.#isOver) return;
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#controller.enqueue(chunk);
      const credit = this.#isComplete ? 0 : this.#window.pass(chunk.length);
      if (credit > 0) this.#port.grant(credit);
    }
    if (this.#isComplete && this.#chunks.length === 0) {
      this.#end();
      this.#controller.close();
    }
  }

  #abandon(): void {
    if (this.#isOver) return;
    const wasComplete = this.#isComplete;
    this.#end();
    this.#wake?.();
    if (!wasComplete) this.#port.abandon();
  }

  #end(): void {
    this.#isOver = true;
    this.#chunks.length = 0;
    this.#window.release();
  }
}
