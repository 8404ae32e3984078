/**
 * The messages of a WebSocket in a stream of bytes (protocol §9): one byte of kind, four of length, the message.
 *
 * @module
 */

import { RelayError } from "../errors/relay_error.ts";
import { MAX_SOCKET_MESSAGE_BYTES, SocketClose } from "./message_socket.ts";

/** What a record holds. */
export const RecordKind = { text: 1, binary: 2, close: 8 } as const;

/** One record. */
export interface SocketRecord {
  /** A {@linkcode RecordKind}; unknown ones are skipped by who reads them. */
  readonly kind: number;
  readonly payload: Uint8Array;
}

const HEAD_BYTES = 5;

/** Encodes a message. */
export function encodeRecord(kind: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES + payload.length);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Encodes the end: two bytes of code and the reason, or nothing where there was no code. */
export function encodeClose(code: number, reason: string): Uint8Array<ArrayBuffer> {
  if (code === SocketClose.noCode) return encodeRecord(RecordKind.close, new Uint8Array(0));
  const text = new TextEncoder().encode(reason);
  const payload = new Uint8Array(2 + text.length);
  new DataView(payload.buffer).setUint16(0, code);
  payload.set(text, 2);
  return encodeRecord(RecordKind.close, payload);
}

/** Reads the payload of a record of the kind `close`. */
export function decodeClose(payload: Uint8Array): { readonly code: number; readonly reason: string } {
  if (payload.length < 2) return { code: SocketClose.noCode, reason: "" };
  const code = payload[0]! * 256 + payload[1]!;
  return { code, reason: new TextDecoder().decode(payload.subarray(2)) };
}

/** Takes bytes as they come, gives whole records. */
export class RecordReader {
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headBytes = 0;
  #payload: Uint8Array | undefined;
  #payloadBytes = 0;

  /** Whether the last record was complete. */
  get isAtStart(): boolean {
    return this.#headBytes === 0;
  }

  /**
   * The records that end in these bytes.
   *
   * @throws {RelayError} `target_invalid_response` for a message that is too large.
   */
  *read(bytes: Uint8Array): Iterable<SocketRecord> {
    for (let offset = 0; offset < bytes.length;) {
      if (this.#payload === undefined) {
        this.#head[this.#headBytes++] = bytes[offset++]!;
        if (this.#headBytes < HEAD_BYTES) continue;
        this.#begin();
      } else {
        const part = bytes.subarray(offset, offset + this.#payload.length - this.#payloadBytes);
        this.#payload.set(part, this.#payloadBytes);
        this.#payloadBytes += part.length;
        offset += part.length;
      }
      if (this.#payload !== undefined && this.#payloadBytes === this.#payload.length) yield this.#end();
    }
  }

  #begin(): void {
    const length = new DataView(this.#head.buffer).getUint32(1);
    if (length > MAX_SOCKET_MESSAGE_BYTES) {
      throw new RelayError("target_invalid_response", `A message exceeds ${MAX_SOCKET_MESSAGE_BYTES} bytes`);
    }
    this.#payload = new Uint8Array(length);
    this.#payloadBytes = 0;
  }

  #end(): SocketRecord {
    const record = { kind: this.#head[0]!, payload: this.#payload! };
    this.#payload = undefined;
    this.#headBytes = 0;
    return record;
  }
}
