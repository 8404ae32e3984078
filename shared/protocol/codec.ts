/**
 * Frames to bytes and back (protocol §2).
 *
 * @module
 */

import { type Frame, FRAME_HEADER_BYTES } from "./frame.ts";
import { ProtocolError } from "./protocol_error.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const EMPTY = new Uint8Array(0);
/** Bytes of memory that small messages are cut from: one of its own costs each of them 1 µs. */
const SLAB_BYTES = 32 * 1024;
/** Larger messages have memory of their own, so that none keeps much of what others no longer need. */
const MAX_CUT_BYTES = 4 * 1024;
/** Heads on their way into a message. */
const scratch = new Uint8Array(16 * 1024);
let slab = new ArrayBuffer(0);
let usedBytes = 0;

/** What a frame is made of, besides its type and delivery id. */
export interface FrameContent {
  readonly flags?: number;
  /** Serialised as JSON. */
  readonly head?: unknown;
  readonly payload?: Uint8Array | undefined;
}

/**
 * Encodes one frame into one message.
 *
 * @param type One of `FrameType`.
 * @param id Delivery id, 32 hexadecimal digits.
 * @throws {SyntaxError} when `id` is not hexadecimal.
 */
export function encodeFrame(type: number, id: string, content: FrameContent = {}): Uint8Array<ArrayBuffer> {
  const head = content.head === undefined ? EMPTY : encodeHead(content.head);
  const payload = content.payload ?? EMPTY;
  const message = allocate(FRAME_HEADER_BYTES + head.length + payload.length);
  message[0] = type;
  message[1] = content.flags ?? 0;
  message.subarray(2, 18).setFromHex(id);
  writeUint32(message, 18, head.length);
  message.set(head, FRAME_HEADER_BYTES);
  message.set(payload, FRAME_HEADER_BYTES + head.length);
  return message;
}

/** Returns bytes that are overwritten by the next call. */
function encodeHead(head: unknown): Uint8Array {
  const text = JSON.stringify(head);
  // UTF-8 needs up to three bytes for what is one unit of a string.
  if (text.length * 3 > scratch.length) return encoder.encode(text);
  return scratch.subarray(0, encoder.encodeInto(text, scratch).written);
}

/** Memory is never used twice: a message may wait in its socket for long. */
function allocate(length: number): Uint8Array<ArrayBuffer> {
  if (length > MAX_CUT_BYTES) return new Uint8Array(length);
  if (usedBytes + length > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES);
    usedBytes = 0;
  }
  const bytes = new Uint8Array(slab, usedBytes, length);
  usedBytes += length;
  return bytes;
}

/**
 * Decodes one message into one frame. The frame's bytes are views into the message.
 *
 * @throws {ProtocolError} `malformed_frame` when the message is too short for its header or its head.
 */
export function decodeFrame(message: Uint8Array): Frame {
  if (message.length < FRAME_HEADER_BYTES) {
    throw new ProtocolError("malformed_frame", `Cannot decode frame: ${message.length} bytes are fewer than a header`);
  }
  const headEnd = FRAME_HEADER_BYTES + readUint32(message, 18);
  if (headEnd > message.length) {
    throw new ProtocolError("malformed_frame", "Cannot decode frame: its head is longer than the message");
  }
  return {
    type: message[0]!,
    flags: message[1]!,
    id: message.subarray(2, 18).toHex(),
    head: message.subarray(FRAME_HEADER_BYTES, headEnd),
    payload: message.subarray(headEnd),
  };
}

/**
 * Parses a frame's head.
 *
 * @throws {ProtocolError} `malformed_head` when it is not a JSON object in UTF-8.
 */
export function parseHead(frame: Frame): Record<string, unknown> {
  let head: unknown;
  try {
    head = JSON.parse(decoder.decode(frame.head));
  } catch (cause) {
    throw new ProtocolError("malformed_head", `Cannot read the head of a frame of type ${frame.type}`, { cause });
  }
  if (typeof head !== "object" || head === null || Array.isArray(head)) {
    throw new ProtocolError("malformed_head", `The head of a frame of type ${frame.type} is not an object`);
  }
  return head as Record<string, unknown>;
}

/** Encodes the payload of a credit frame: the bytes granted, up to 2^32 - 1. */
export function encodeCredit(bytes: number): Uint8Array {
  const payload = new Uint8Array(4);
  writeUint32(payload, 0, bytes);
  return payload;
}

/** @throws {ProtocolError} `malformed_frame` when the payload is not 4 bytes. */
export function decodeCredit(payload: Uint8Array): number {
  if (payload.length !== 4) throw new ProtocolError("malformed_frame", "A credit frame needs 4 bytes");
  return readUint32(payload, 0);
}

/** Encodes the payload of an acknowledge frame: delivery ids, 16 bytes each. */
export function encodeIds(ids: readonly string[]): Uint8Array {
  const payload = new Uint8Array(ids.length * 16);
  ids.forEach((id, index) => payload.subarray(index * 16, index * 16 + 16).setFromHex(id));
  return payload;
}

/** @throws {ProtocolError} `malformed_frame` when the payload is not a whole number of ids. */
export function decodeIds(payload: Uint8Array): string[] {
  if (payload.length === 0 || payload.length % 16 !== 0) {
    throw new ProtocolError("malformed_frame", "An acknowledge frame needs 16 bytes for each delivery");
  }
  return Array.from(
    { length: payload.length / 16 },
    (_, index) => payload.subarray(index * 16, index * 16 + 16).toHex(),
  );
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}
