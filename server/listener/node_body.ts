/**
 * A request's body on its way in through `node:http`: read only as fast as it is wanted, so that a slow target slows the client.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { ListenerBody } from "./listener.ts";

/** The body of a message whose framing has been checked. */
export class NodeBody implements ListenerBody {
  readonly length: number | undefined;
  readonly #message: IncomingMessage;
  readonly #onWanted: (() => void) | undefined;
  #isWanted = false;
  #fail: ((error: Error) => void) | undefined;
  #brokenOff: Error | undefined;

  /** @param options Announced length in bytes, and what to do when somebody wants the first byte: a client may wait for a word. */
  constructor(
    message: IncomingMessage,
    options: { readonly length: number | undefined; readonly onWanted?: (() => void) | undefined },
  ) {
    this.#message = message;
    this.length = options.length;
    this.#onWanted = options.onWanted;
  }

  /** Whether somebody has begun to read, or the client was told to send. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  bytes(): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const chunks: Buffer[] = [];
    this.#listen({
      data: (chunk) => void chunks.push(chunk),
      end: () => resolve(joined(chunks)),
      fail: reject,
    });
    this.#want();
    return promise;
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => {
        this.#message.pause();
        this.#listen({
          data: (chunk) => {
            this.#message.pause();
            controller.enqueue(toBytes(chunk));
          },
          end: () => controller.close(),
          fail: (error) => controller.error(error),
        });
      },
      pull: () => this.#want(),
      // What comes later is not read: it holds the client until the answer has been given.
      cancel: () => this.breakOff("nobody wants it any more"),
    }, { highWaterMark: 0 });
  }

  /** The answer begins: a client that waits is told now, if somebody has the body and may still read it, or never. */
  invite(): void {
    if (this.#fail !== undefined) this.#tell();
  }

  /** Nothing more comes, and what came must not look complete. */
  breakOff(reason: string): void {
    this.#message.pause();
    this.#brokenOff ??= new Error(`Cannot read body: ${reason}`);
    this.#fail?.(this.#brokenOff);
  }

  #want(): void {
    this.#tell();
    this.#message.resume();
  }

  #tell(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#onWanted?.();
  }

  #listen(reader: { data(chunk: Buffer): void; end(): void; fail(error: Error): void }): void {
    let isOver = false;
    const once = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      this.#fail = undefined;
      settle();
    };
    this.#fail = (error) => once(() => reader.fail(error));
    this.#message.on("data", (chunk: Buffer) => isOver || reader.data(chunk));
    this.#message.on("end", () => once(reader.end));
    if (this.#brokenOff !== undefined) this.#fail(this.#brokenOff);
  }
}

function joined(chunks: readonly Buffer[]): Uint8Array {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return toBytes(first);
  const bytes = new Uint8Array(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** Without the methods that `Buffer` redefines (`slice` shares memory there). */
function toBytes({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
