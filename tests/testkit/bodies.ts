/**
 * Large bodies that cost no memory: made piece by piece, and told apart by their hash.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { sleep } from "../../shared/time/sleep.ts";
import { within } from "./deadline.ts";
import { connectTcp, type RawResponse } from "./tcp.ts";

const PIECE_BYTES = 64 * 1024;
/** A count that is the same for so many readings, each of them so much later, stands still. */
const STILL_READINGS = 20;
const READING_MS = 20;

/** Different from one piece to the next, so that one that is lost, doubled or out of order shows. */
function piece(index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PIECE_BYTES).fill(index & 0xff);
  new DataView(bytes.buffer).setUint32(0, index);
  return bytes;
}

/** A body of so many bytes, made as it is read. */
export function bodyOf(
  sizeBytes: number,
  made: (bytes: number) => void = () => {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let madeBytes = 0;
  return new ReadableStream({
    pull(controller) {
      if (madeBytes === sizeBytes) return controller.close();
      const bytes = piece(madeBytes / PIECE_BYTES).subarray(0, sizeBytes - madeBytes);
      madeBytes += bytes.length;
      made(madeBytes);
      controller.enqueue(bytes);
    },
  }, { highWaterMark: 0 });
}

/** Reads a body to its end. */
export async function digest(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const bytes of body ?? []) {
    hash.update(bytes);
    sizeBytes += bytes.length;
  }
  return `${sizeBytes} bytes ${hash.digest("hex")}`;
}

/** What {@link digest} says of a complete {@link bodyOf}. */
export async function digestOf(sizeBytes: number): Promise<string> {
  return await digest(bodyOf(sizeBytes));
}

/** How {@link upload} sends. */
export interface UploadOptions {
  readonly sizeBytes: number;
  /** Whether the length is announced; otherwise the body is chunked. */
  readonly isLengthKnown: boolean;
  /** Told how much was made so far. */
  readonly made?: (bytes: number) => void;
}

/** Posts a {@link bodyOf} to a path of a server on this machine. */
export async function upload(
  { port }: { readonly port: number },
  path: string,
  { sizeBytes, isLengthKnown, made }: UploadOptions,
): Promise<RawResponse> {
  using client = await connectTcp(port, { timeoutMs: 60_000 });
  const framing = isLengthKnown ? `Content-Length: ${sizeBytes}` : "Transfer-Encoding: chunked";
  await client.send(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${framing}\r\n\r\n`);
  for await (const bytes of bodyOf(sizeBytes, made)) {
    await client.send(isLengthKnown ? bytes : chunk(bytes));
  }
  if (!isLengthKnown) await client.send("0\r\n\r\n");
  return await client.readResponse();
}

function chunk(bytes: Uint8Array): Uint8Array {
  const line = new TextEncoder().encode(`${bytes.length.toString(16)}\r\n`);
  const framed = new Uint8Array(line.length + bytes.length + 2);
  framed.set(line);
  framed.set(bytes, line.length);
  framed.set([13, 10], line.length + bytes.length);
  return framed;
}

/**
 * Waits until a count has begun and stands still. Readings are counted and not time, which also passes while a busy machine does nothing here.
 *
 * @param read The count now.
 * @returns The count, above 0.
 */
export async function settled(read: () => number): Promise<number> {
  let last = 0;
  const stand = async () => {
    // There is no event for "nothing more happens".
    for (let same = 0; same < STILL_READINGS;) {
      await sleep(READING_MS);
      const value = read();
      same = value > 0 && value === last ? same + 1 : 0;
      last = value;
    }
  };
  await within(stand(), { timeoutMs: 60_000, what: "a count that stands still", detail: () => `Read last: ${last}` });
  return last;
}
