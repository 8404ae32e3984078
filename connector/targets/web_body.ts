/**
 * The body of a target's response: collected when it is small, else produced as it is read.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";

/** Without the methods that `Buffer` redefines (`slice` shares memory there). */
function toBytes(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
}

/** Collects a body in memory. */
export class CollectedBody {
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.byteLength;
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    if (this.#chunks.length === 1) return toBytes(this.#chunks[0]!);
    const bytes = new Uint8Array(this.#sizeBytes);
    let offset = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, offset);
      offset += chunk.byteLength;
    }
    return bytes;
  }
}

/** A body that is read from its socket only as fast as its stream is. */
export class StreamedBody implements UnderlyingDefaultSource<Uint8Array> {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #message: IncomingMessage;
  readonly #onCancel: (reason: unknown) => void;
  #first: Uint8Array<ArrayBuffer> | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  /** @param options What was read before, and what to do when the reader wants no more. */
  constructor(
    message: IncomingMessage,
    options: { readonly first?: Uint8Array<ArrayBuffer> | undefined; readonly onCancel: (reason: unknown) => void },
  ) {
    this.#message = message;
    this.#first = options.first?.length === 0 ? undefined : options.first;
    this.#onCancel = options.onCancel;
    this.stream = new ReadableStream<Uint8Array>(this, { highWaterMark: 0 });
    message.on("readable", () => this.#wake?.());
  }

  /** The body is complete. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#controller?.close();
    this.#wake?.();
  }

  /** The body broke off. */
  fail(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#controller?.error(reason);
    this.#wake?.();
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#first !== undefined) {
      controller.enqueue(this.#first);
      this.#first = undefined;
      return;
    }
    while (!this.#ended) {
      const chunk: Buffer | null = this.#message.read();
      if (chunk !== null) return controller.enqueue(toBytes(chunk));
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }

  cancel(reason: unknown): void {
    this.#ended = true;
    this.#onCancel(reason);
  }
}
