/**
 * A body store that is gone with its process: for tests, and for servers that need not remember.
 *
 * @module
 */

import { Blocks } from "./blocks.ts";
import type { BodyStore, PutOptions, StoredBody } from "./body_store.ts";
import { checkBodyKey } from "./body_key.ts";
import { readBody } from "./read_body.ts";
import { BodyStoreFullError, bodyStoreUnavailable } from "./store_error.ts";

/** How a memory store is limited. */
export interface MemoryBodyStoreOptions {
  /** How much all bodies may take together, in bytes. */
  readonly maxTotalBytes: number;
  /** Milliseconds of any clock that never goes back. */
  readonly now?: () => number;
}

interface Kept {
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly since: number;
}

/** Keeps bodies in memory, up to a limit. */
export class MemoryBodyStore implements BodyStore {
  readonly #bodies = new Map<string, Kept>();
  readonly #maxTotalBytes: number;
  readonly #now: () => number;
  /** Those of puts under way included. */
  #totalBytes = 0;

  constructor({ maxTotalBytes, now = () => performance.now() }: MemoryBodyStoreOptions) {
    this.#maxTotalBytes = maxTotalBytes;
    this.#now = now;
  }

  async put(key: string, body: ReadableStream<Uint8Array>, options: PutOptions = {}): Promise<number> {
    checkBodyKey(key);
    const blocks = new Blocks();
    let takenBytes = 0;
    try {
      const sizeBytes = await readBody(body, options, (piece) => {
        if (this.#totalBytes + piece.byteLength > this.#maxTotalBytes) {
          throw bodyStoreUnavailable("store body", new BodyStoreFullError());
        }
        this.#totalBytes += piece.byteLength;
        takenBytes += piece.byteLength;
        blocks.add(piece);
      });
      this.#forget(key);
      this.#bodies.set(key, { pieces: blocks.take(), sizeBytes, since: this.#now() });
      return sizeBytes;
    } catch (error) {
      this.#totalBytes -= takenBytes;
      throw error;
    }
  }

  open(key: string, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<StoredBody | undefined> {
    const kept = this.#bodies.get(checkBodyKey(key));
    if (kept === undefined) return Promise.resolve(undefined);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return Promise.resolve({ sizeBytes: kept.sizeBytes, stream: streamOf(kept.pieces) });
  }

  remove(key: string): Promise<void> {
    this.#forget(checkBodyKey(key));
    return Promise.resolve();
  }

  async *keys({ minimumAgeMs }: { readonly minimumAgeMs: number }): AsyncGenerator<string> {
    const before = this.#now() - minimumAgeMs;
    for (const [key, { since }] of this.#bodies) if (since <= before) yield await Promise.resolve(key);
  }

  #forget(key: string): void {
    this.#totalBytes -= this.#bodies.get(key)?.sizeBytes ?? 0;
    this.#bodies.delete(key);
  }
}

/** The pieces are copied: a reader may give its own away. */
function streamOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let index = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces[index++];
      if (piece === undefined) controller.close();
      else controller.enqueue(piece.slice());
    },
  }, { highWaterMark: 0 });
}
