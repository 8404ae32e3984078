/**
 * Keeps the beginning of a body while it passes, within limits, and without making it any slower or faster.
 *
 * @module
 */

import { type Body, isStreamBody, type StreamBody } from "../../shared/http/message.ts";

const FIRST_CAPACITY_BYTES = 1024;

/** Memory that all bodies share which are kept and not written yet. */
export class MemoryBudget {
  #freeBytes: number;

  constructor(bytes: number) {
    this.#freeBytes = bytes;
  }

  /** Bytes that may still be taken. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Takes as many bytes as there are, up to what is wanted; gives how many. */
  take(wantedBytes: number): number {
    const taken = Math.min(wantedBytes, this.#freeBytes);
    this.#freeBytes -= taken;
    return taken;
  }

  /** Gives bytes back. */
  release(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

/** What is kept of one body. */
export class BodyCapture {
  readonly #limitBytes: number;
  readonly #budget: MemoryBudget;
  #kept: Uint8Array<ArrayBuffer> = new Uint8Array();
  #keptBytes = 0;
  #sizeBytes = 0;
  #isComplete = false;
  #isReleased = false;

  /** @param limitBytes How much is kept at most. */
  constructor(limitBytes: number, budget: MemoryBudget) {
    this.#limitBytes = limitBytes;
    this.#budget = budget;
  }

  /** The beginning of the body, or all of it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#kept.subarray(0, this.#keptBytes);
  }

  /** Bytes that have passed. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether more has passed than was kept. */
  get isCut(): boolean {
    return this.#keptBytes < this.#sizeBytes;
  }

  /** Whether the body has come to its end. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The same body, of which the beginning is kept when somebody reads it. */
  through(body: Body): Body {
    if (body === null) return null;
    if (isStreamBody(body)) return this.#throughStream(body);
    this.#take(body);
    this.#isComplete = true;
    return body;
  }

  /** Forgets what was kept. What passes from now on is not kept either: a request's body may outlast its response. */
  release(): void {
    this.#isReleased = true;
    this.#budget.release(this.#keptBytes);
    this.#kept = new Uint8Array();
    this.#keptBytes = 0;
  }

  #throughStream({ stream, length }: StreamBody): StreamBody {
    const reader = stream.getReader();
    const passing = new ReadableStream<Uint8Array>({
      start: (controller) => {
        // Whoever does not read learns of a body that broke off, too.
        reader.closed.catch((error) => controller.error(error));
      },
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (done) {
          this.#isComplete = true;
          return controller.close();
        }
        this.#take(value);
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
    return length === undefined ? { stream: passing } : { stream: passing, length };
  }

  /** Copies: what passes belongs to somebody else, who may change it or give it away. Once something was left out, nothing behind it is kept. */
  #take(piece: Uint8Array): void {
    const isCut = this.isCut;
    this.#sizeBytes += piece.length;
    if (isCut || this.#isReleased) return;
    const taken = this.#budget.take(Math.min(piece.length, this.#limitBytes - this.#keptBytes));
    this.#makeRoom(this.#keptBytes + taken);
    this.#kept.set(piece.subarray(0, taken), this.#keptBytes);
    this.#keptBytes += taken;
  }

  #makeRoom(neededBytes: number): void {
    if (neededBytes <= this.#kept.length) return;
    const larger = new Uint8Array(
      Math.max(neededBytes, Math.min(2 * this.#kept.length, this.#limitBytes), FIRST_CAPACITY_BYTES),
    );
    larger.set(this.bytes);
    this.#kept = larger;
  }
}
