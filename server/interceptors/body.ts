/**
 * Reads bodies for interceptors that ask for it.
 *
 * @module
 */

import type { Body } from "../../shared/http/message.ts";

/** What is read unless an interceptor wants more, in bytes. */
export const DEFAULT_MAX_BYTES = 1024 * 1024;

/** How to read. */
export interface ReadOptions {
  readonly maxBytes: number;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Makes the error for a larger body. */
  readonly tooLarge: (maxBytes: number) => Error;
}

/**
 * Reads a body into memory.
 *
 * @throws What `tooLarge` makes, what the body broke off with, or the signal's reason. The rest of the body is given up then.
 */
export async function readBody(body: Body, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes, signal, tooLarge } = options;
  if (body === null) return new Uint8Array();
  if (body instanceof Uint8Array) {
    if (body.length > maxBytes) throw tooLarge(maxBytes);
    return body as Uint8Array<ArrayBuffer>;
  }
  signal.throwIfAborted();
  const reader = body.stream.getReader();
  const giveUp = (reason: unknown) => void reader.cancel(reason).catch(() => {});
  const aborted = () => giveUp(signal.reason);
  signal.addEventListener("abort", aborted);
  try {
    const bytes = await collect(reader, options);
    signal.throwIfAborted();
    return bytes;
  } catch (error) {
    giveUp(error);
    throw error;
  } finally {
    signal.removeEventListener("abort", aborted);
  }
}

async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { maxBytes, tooLarge }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for (let { done, value } = await reader.read(); !done && value; { done, value } = await reader.read()) {
    sizeBytes += value.length;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    parts.push(value);
  }
  const whole = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
