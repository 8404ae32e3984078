/**
 * Where bodies wait that cannot travel inside a message. Every implementation passes `body_store_contract.ts`.
 *
 * A store knows nothing of requests: what a key means, how long it lives and who removes it is the affair of whoever put it there. Foreign
 * errors become `RelayError`s with the code `body_store_unavailable`; a key that is none is a `TypeError`.
 *
 * @module
 */

/** What limits a put. */
export interface PutOptions {
  /** Largest size in bytes. Without it there is no limit. */
  readonly maxBytes?: number | undefined;
  /** The size in bytes, where it is known; a store may need less memory or fewer round trips then. It is no limit and not checked. */
  readonly lengthBytes?: number | undefined;
  /** Ends the put; nothing of it stays. */
  readonly signal?: AbortSignal | undefined;
}

/** A body that was found. */
export interface StoredBody {
  readonly sizeBytes: number;
  /** Exactly `sizeBytes` bytes, or an error. Whoever opened it reads it to its end or cancels it; removing the key does not end it. */
  readonly stream: ReadableStream<Uint8Array>;
}

/** Keeps bodies under keys. Keys are 1 to 100 of `[a-z0-9-]` and begin with a letter or digit; a UUID is one. */
export interface BodyStore {
  /**
   * Stores a body. Resolves when it is safe: it survives a crash where the store can. A key that exists is replaced at once and as a whole;
   * until then, and when the put fails, whoever opens the key sees what was there before.
   *
   * @param body Is read to its end, or cancelled when the put fails.
   * @returns Its size in bytes.
   * @throws {RelayError} `body_too_large` beyond `maxBytes`, `body_store_unavailable` when it cannot be stored: full, gone or too slow.
   * @throws What `body` or `signal` failed with, as it was.
   */
  put(key: string, body: ReadableStream<Uint8Array>, options?: PutOptions): Promise<number>;
  /**
   * Opens a body. Nothing but a body that was never put, or was removed, is `undefined`.
   *
   * @throws {RelayError} `body_store_unavailable`; a stream that breaks off later fails with the same.
   */
  open(key: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<StoredBody | undefined>;
  /**
   * Removes a body; does nothing when there is none.
   *
   * @throws {RelayError} `body_store_unavailable`: it may or may not be there still.
   */
  remove(key: string): Promise<void>;
  /**
   * The keys that were put at least so long ago, in no order; for maintenance. What was put or removed meanwhile may be among them or not.
   * A store clears away what its own broken-off puts of that age have left.
   *
   * @throws {RelayError} `body_store_unavailable`, at the first step or any later one.
   */
  keys(options: { readonly minimumAgeMs: number }): AsyncIterable<string>;
}
