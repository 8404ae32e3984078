/**
 * The body of a `Response` that was made in this process. A string or bytes have no announced length there, although they are complete: what
 * is there at once is collected, so that it travels in one message.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { Body } from "../../shared/http/message.ts";

/** How much to collect, and for how long. */
export interface FetchBodyOptions {
  /** `Content-Length`, when the response has one. */
  readonly length: number | undefined;
  /** Larger bodies stay streams. */
  readonly inlineBodyLimitBytes: number;
  /** Ends the collecting: the body is cancelled. A stream that was returned is its reader's. */
  readonly signal: AbortSignal;
}

/**
 * @param stream The response's body.
 * @returns The bytes when the body is small and either of known length or complete already, else the stream.
 * @throws {RelayError} `target_unreachable` when the body breaks off while it is collected.
 */
export async function readFetchBody(stream: ReadableStream<Uint8Array>, options: FetchBodyOptions): Promise<Body> {
  const { length, signal } = options;
  const reader = new MeasuredReader(stream, length);
  const onAbort = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    return await collect(reader, options);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function collect(reader: MeasuredReader, { length, inlineBodyLimitBytes }: FetchBodyOptions): Promise<Body> {
  const chunks: Uint8Array[] = [];
  const mayWait = length !== undefined && length <= inlineBodyLimitBytes;
  let sizeBytes = 0;
  while (length === undefined || mayWait) {
    const chunk = reader.read();
    const isThere = mayWait || await settlesAtOnce(chunk);
    if (!isThere) return { stream: toStream(reader, [...chunks, chunk]) };
    const bytes = await chunk;
    if (bytes === undefined) return concatenate(chunks, sizeBytes);
    chunks.push(bytes);
    sizeBytes += bytes.byteLength;
    if (sizeBytes > inlineBodyLimitBytes) break;
  }
  return { stream: toStream(reader, chunks), ...(length === undefined ? {} : { length }) };
}

/** Reads a body and takes care that it is as long as announced. */
class MeasuredReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #length: number | undefined;
  #sizeBytes = 0;

  constructor(stream: ReadableStream<Uint8Array>, length: number | undefined) {
    this.#reader = stream.getReader();
    this.#length = length;
  }

  /** @returns The next bytes, `undefined` at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const bytes = await this.#next();
    this.#sizeBytes += bytes?.byteLength ?? 0;
    const isWrong = this.#length !== undefined &&
      (bytes === undefined ? this.#sizeBytes < this.#length : this.#sizeBytes > this.#length);
    if (!isWrong) return bytes;
    const error = new RelayError(
      "target_invalid_response",
      "Cannot read response: its body is not as long as announced",
    );
    await this.cancel(error);
    throw error;
  }

  cancel(reason: unknown): Promise<void> {
    return this.#reader.cancel(reason);
  }

  async #next(): Promise<Uint8Array | undefined> {
    let value: unknown;
    try {
      ({ value } = await this.#reader.read());
    } catch (cause) {
      if (cause instanceof RelayError) throw cause;
      throw new RelayError("target_unreachable", "Cannot read response: its body broke off", { cause });
    }
    if (value === undefined || value instanceof Uint8Array) return value;
    const error = new RelayError("target_invalid_response", "Cannot read response: its body is not made of bytes");
    await this.cancel(error);
    throw error;
  }
}

function toStream(
  reader: MeasuredReader,
  first: (Uint8Array | Promise<Uint8Array | undefined>)[],
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const bytes = await (first.shift() ?? reader.read());
      if (bytes === undefined) controller.close();
      else controller.enqueue(bytes);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** Whether a promise settles before the event loop turns. */
async function settlesAtOnce(promise: Promise<unknown>): Promise<boolean> {
  const turn = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => turn.resolve(false), 0);
  try {
    return await Promise.race([promise.then(() => true, () => true), turn.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function concatenate(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
