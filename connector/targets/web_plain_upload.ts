/**
 * Where a streamed request body is written to, on a connection of `http1/`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { StreamBody } from "../../shared/http/message.ts";
import type { Connection } from "./http1/connection.ts";
import type { UploadSink } from "./web_upload.ts";

/** Smaller ones are not worth it. */
const MINIMUM_FREED_BYTES = 16 * 1024;
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** Writes in chunks, unless the body's length is known. */
export class PlainUpload implements UploadSink {
  readonly #connection: Connection;
  readonly #isChunked: boolean;

  constructor(connection: Connection, { length }: StreamBody) {
    this.#connection = connection;
    this.#isChunked = length === undefined;
  }

  /** Where writing fails, reading tells why: the call ends by that. What was written belongs to nobody any more. */
  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#connection.write(this.#isChunked ? toChunk(bytes) : bytes).catch(() => {});
    free(bytes);
  }

  end(): void {
    if (this.#isChunked) this.#connection.write(LAST_CHUNK).catch(() => {});
  }
}

/** Gives memory back at once: bodies pass faster than the garbage collector finds what is left of them. */
function free({ buffer, byteLength }: Uint8Array<ArrayBuffer>): void {
  // Otherwise it may be shared with other parts.
  if (byteLength === buffer.byteLength && byteLength >= MINIMUM_FREED_BYTES) buffer.transfer(0);
}

/** In one piece, for one write. */
function toChunk(bytes: Uint8Array): Uint8Array {
  const size = bytes.length.toString(16);
  const chunk = Buffer.allocUnsafe(size.length + bytes.length + 4);
  chunk.write(`${size}\r\n`, "latin1");
  chunk.set(bytes, size.length + 2);
  chunk.write("\r\n", size.length + 2 + bytes.length, "latin1");
  return chunk;
}
