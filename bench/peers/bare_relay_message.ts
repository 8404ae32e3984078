/**
 * Messages of the bare relay: number of the request, length of the head, head as JSON, body.
 *
 * @module
 */

import { Buffer } from "node:buffer";

const PREFIX_BYTES = 8;

/** One message. */
export interface Message<Head> {
  /** Of the request that it is, or answers. */
  readonly id: number;
  readonly head: Head;
  readonly body: Uint8Array;
}

/** Makes bytes of a message. */
export function encode<Head>({ id, head, body }: Message<Head>): Uint8Array {
  const text = Buffer.from(JSON.stringify(head));
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + text.length + body.length);
  bytes.writeUInt32BE(id, 0);
  bytes.writeUInt32BE(text.length, 4);
  bytes.set(text, PREFIX_BYTES);
  bytes.set(body, PREFIX_BYTES + text.length);
  return bytes;
}

/** Makes a message of bytes; its body is a part of them. */
export function decode<Head>(bytes: Buffer): Message<Head> {
  const bodyAt = PREFIX_BYTES + bytes.readUInt32BE(4);
  const head: Head = JSON.parse(bytes.toString("utf8", PREFIX_BYTES, bodyAt));
  return { id: bytes.readUInt32BE(0), head, body: bytes.subarray(bodyAt) };
}

/** Of a request. */
export interface RequestHead {
  readonly method: string | undefined;
  readonly path: string | undefined;
  /** Names and values in turn. */
  readonly headers: string[];
}

/** Of a response. */
export interface ResponseHead {
  readonly status: number | undefined;
  /** Names and values in turn. */
  readonly headers: string[];
}
