/**
 * Reading a body into a store: limits, and who is to blame when it fails.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { PutOptions } from "./body_store.ts";

/**
 * Hands over a body piece by piece, in order, one at a time. When anything fails the body is cancelled.
 *
 * @param write Takes one piece, which belongs to it.
 * @returns The size in bytes.
 * @throws {RelayError} `body_too_large`; and whatever the body, the signal or `write` failed with.
 */
export async function readBody(
  body: ReadableStream<Uint8Array>,
  { maxBytes = Infinity, signal }: PutOptions,
  write: (piece: Uint8Array) => Promise<void> | void,
): Promise<number> {
  const reader = body.getReader();
  const aborted = () => cancel(reader, signal?.reason);
  try {
    signal?.throwIfAborted();
    signal?.addEventListener("abort", aborted, { once: true });
    let sizeBytes = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      signal?.throwIfAborted();
      sizeBytes += next.value.byteLength;
      if (sizeBytes > maxBytes) throw new RelayError("body_too_large", `Cannot store body: above ${maxBytes} bytes`);
      await write(next.value);
    }
    // A cancelled body looks like one that has ended.
    signal?.throwIfAborted();
    return sizeBytes;
  } catch (error) {
    cancel(reader, error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", aborted);
    reader.releaseLock();
  }
}

/** A body that has failed already refuses to be cancelled, with the error that its reader knows. */
function cancel(reader: ReadableStreamDefaultReader<Uint8Array>, reason: unknown): void {
  reader.cancel(reason).catch(() => {});
}
