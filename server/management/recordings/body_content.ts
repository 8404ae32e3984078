/**
 * Bodies as people can read them.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { headerValue } from "../../../shared/http/headers.ts";
import type { HeaderLines } from "../../../shared/http/message.ts";

/** What a compressed body may become, in bytes; one that becomes more is shown as it is. */
const MAX_DECODED_BYTES = 2 * 1024 * 1024;

/** Control characters that no text has. */
const NOT_IN_TEXT = /[^\P{Cc}\t\r\n\f]/u;

/** The beginning of a body, or all of it. */
export interface KeptBody {
  readonly bytes: Uint8Array;
  readonly isCut: boolean;
}

/** A body for people. */
export interface BodyContent {
  readonly encoding: "text" | "base64";
  readonly content: string;
  /** The content coding that was undone, such as `gzip`; null when there was none. */
  readonly decodedFrom: string | null;
}

/** The media type of a message's body, in lower case and without parameters; empty when it does not say. */
export function mediaTypeOf(headers: HeaderLines): string {
  return (headerValue(headers, "content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/** Shows a body as text where it is one, else as base64. */
export function toBodyContent({ bytes, isCut }: KeptBody, headers: HeaderLines): BodyContent {
  const coding = (headerValue(headers, "content-encoding") ?? "").trim().toLowerCase();
  const decoded = coding === "" || coding === "identity" ? undefined : decompress(bytes, coding);
  const text = toText(decoded ?? bytes, { charset: charsetOf(headers), isCut });
  if (text === undefined) return { encoding: "base64", content: toBase64(bytes), decodedFrom: null };
  return { encoding: "text", content: text, decodedFrom: decoded === undefined ? null : coding };
}

/** Bytes in base64. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** The bytes of base64. */
export function fromBase64(base64: string): Uint8Array {
  return Buffer.from(base64, "base64");
}

/** Makes as much of it as there is; `undefined` when it is something else, or too much. */
function decompress(bytes: Uint8Array, coding: string): Uint8Array | undefined {
  const options = { maxOutputLength: MAX_DECODED_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
  try {
    switch (coding) {
      case "gzip":
      case "x-gzip":
        return gunzipSync(bytes, options);
      case "deflate":
        return (bytes[0]! & 0x0f) === 8 ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
      case "br":
        return brotliDecompressSync(bytes, {
          maxOutputLength: MAX_DECODED_BYTES,
          finishFlush: constants.BROTLI_OPERATION_FLUSH,
        });
      default:
        return undefined;
    }
  } catch {
    // It is not what it says, or does not end: it is shown as it came.
    return undefined;
  }
}

function toText(
  bytes: Uint8Array,
  { charset, isCut }: { readonly charset: string | undefined; readonly isCut: boolean },
): string | undefined {
  return decodeText(bytes, { label: "utf-8", isCut }) ??
    (charset === undefined ? undefined : decodeText(bytes, { label: charset, isCut }));
}

function decodeText(
  bytes: Uint8Array,
  { label, isCut }: { readonly label: string; readonly isCut: boolean },
): string | undefined {
  try {
    // What was cut may end inside a character.
    const text = new TextDecoder(label, { fatal: true }).decode(bytes, { stream: isCut });
    return NOT_IN_TEXT.test(text) ? undefined : text;
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function charsetOf(headers: HeaderLines): string | undefined {
  return /;\s*charset="?([\w.:-]{1,40})/i.exec(headerValue(headers, "content-type") ?? "")?.[1];
}
