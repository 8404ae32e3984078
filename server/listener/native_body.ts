/**
 * How bodies are read from `Deno.serve`.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";

/** Read at a time, in bytes; also what the platform takes from the socket at a time. */
const READ_BYTES = 64 * 1024;
/** Reads of one chunked body at most. */
const CHUNKED_READS = 1024;

/**
 * Reads a body when somebody wants more, so that a slow target slows its client.
 *
 * For chunked bodies `Deno.serve` has no back-pressure: every read takes 64 KiB from the socket but gives one chunk at most, and what lies
 * between is kept without limit and moved in memory at every read. A client that is faster than the target would cost gigabytes and a core,
 * so the number of reads is limited, and with it what can pile up: 64 MiB.
 *
 * Bytes are copied out of one buffer, because Deno's own stream allocates 64 KiB for every read however little it brings. Cancelling stops
 * reading and leaves the rest to the platform, which would otherwise swallow the whole upload before it answers.
 *
 * @param isChunked Whether the body has no announced length.
 */
export function readNativeBody(body: ReadableStream<Uint8Array>, isChunked: boolean): ReadableStream<Uint8Array> {
  const read = createRead(body);
  let reads = 0;
  return new ReadableStream({
    async pull(controller) {
      if (isChunked && ++reads > CHUNKED_READS) {
        throw new RelayError(
          "body_too_large",
          "A chunked body is too long for the listener native; send its length, or use the listener node",
        );
      }
      const bytes = await read();
      if (bytes === undefined) controller.close();
      else controller.enqueue(bytes);
    },
  }, { highWaterMark: 0 });
}

/** @returns What reads the next piece; `undefined` at the end. */
function createRead(body: ReadableStream<Uint8Array>): () => Promise<Uint8Array | undefined> {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    // A small body that came together with its head is no stream of bytes.
    const whole = body.getReader();
    return async () => (await whole.read()).value;
  }
  let buffer = new ArrayBuffer(READ_BYTES);
  return async () => {
    const { done, value } = await reader.read(new Uint8Array(buffer));
    if (done) return undefined;
    buffer = value.buffer;
    return value.slice();
  };
}
