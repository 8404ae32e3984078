/**
 * Bytes of a connection to the responses in them. It holds back no byte of a body.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { HttpFault } from "./http_fault.ts";
import { type BodyFraming, hasBody, parseResponseHead, readHeaderLines, type ResponseHead } from "./response_head.ts";

/** Same as the listener's. */
const MAX_HEAD_BYTES = 65_536;
/** Of a chunk's size with its extensions. */
const MAX_SIZE_LINE_BYTES = 1024;
const SIZE_LINE = /^([0-9A-Fa-f]{1,12})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/;
const BARE_LINE_FEED = /(?<!\r)\n/;
const EMPTY = new Uint8Array(0);

/** Hears what is in the bytes, while they are pushed. */
export interface ResponseSink {
  /** The final response has begun. Interim ones are passed over, but for 101. */
  head(head: ResponseHead): void;
  /** Bytes of the body, a view of what was pushed. */
  data(bytes: Uint8Array<ArrayBuffer>): void;
  /** The response is complete. */
  end(): void;
}

/** What the next byte belongs to. */
type State = "head" | "sized" | "untilClose" | "chunkSize" | "chunk" | "chunkEnd" | "trailers" | "ended";

/** Decodes one response. */
export class ResponseDecoder {
  readonly #method: string;
  readonly #sink: ResponseSink;
  #state: State = "head";
  /** The beginning of a head or line whose end has not come. */
  #held: Uint8Array<ArrayBuffer> = EMPTY;
  /** Of the body or chunk. */
  #missingBytes = 0;
  #hasExcess = false;

  /** @param method Of the request. */
  constructor(method: string, sink: ResponseSink) {
    this.#method = method;
    this.#sink = sink;
  }

  /** Whether bytes came that belong to no response. */
  get hasExcess(): boolean {
    return this.#hasExcess;
  }

  /**
   * Takes what a connection brought.
   *
   * @throws {HttpFault} when it is no valid response.
   */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    let rest = bytes;
    if (this.#held.length > 0) {
      rest = new Uint8Array(this.#held.length + bytes.length);
      rest.set(this.#held);
      rest.set(bytes, this.#held.length);
      this.#held = EMPTY;
    }
    while (rest.length > 0) {
      if (this.#state === "ended") {
        this.#hasExcess = true;
        return;
      }
      const taken = this.#take(rest);
      if (taken === 0) {
        // A copy: what was pushed may be only lent.
        this.#held = rest.slice();
        return;
      }
      rest = rest.subarray(taken);
    }
  }

  /**
   * The connection has ended.
   *
   * @returns Whether that makes the response complete.
   */
  close(): boolean {
    if (this.#state !== "untilClose") return false;
    this.#end();
    return true;
  }

  /** Returns how many bytes were of use; none when more are needed. */
  #take(bytes: Uint8Array<ArrayBuffer>): number {
    switch (this.#state) {
      case "head":
        return this.#takeHead(bytes);
      case "sized":
      case "chunk":
        return this.#takeMissing(bytes);
      case "untilClose":
        this.#sink.data(bytes);
        return bytes.length;
      case "chunkSize":
        return this.#takeChunkSize(bytes);
      case "chunkEnd":
        return this.#takeChunkEnd(bytes);
      default:
        return this.#takeTrailers(bytes);
    }
  }

  #takeHead(bytes: Uint8Array): number {
    const text = toText(bytes, MAX_HEAD_BYTES);
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) {
      if (bytes.length >= MAX_HEAD_BYTES) throw new HttpFault(`its head exceeds ${MAX_HEAD_BYTES} bytes`);
      // What cannot become a response need not be waited for.
      if (!"HTTP/1.".startsWith(text.slice(0, 7))) throw new HttpFault("it is no HTTP/1.1");
      if (BARE_LINE_FEED.test(text)) throw new HttpFault("a line of its head does not end with CR LF");
      return 0;
    }
    const head = parseResponseHead(text.slice(0, end + 2), this.#method);
    if (head.status >= 200 || head.status === 101) this.#begin(head);
    return end + 4;
  }

  #begin(head: ResponseHead): void {
    this.#sink.head(head);
    if (!hasBody(head.status, this.#method) || head.framing === 0) this.#end();
    else this.#state = this.#expect(head.framing);
  }

  #expect(framing: BodyFraming): State {
    if (framing === "close") return "untilClose";
    if (framing === "chunked") return "chunkSize";
    this.#missingBytes = framing;
    return "sized";
  }

  #takeMissing(bytes: Uint8Array<ArrayBuffer>): number {
    const part = bytes.length > this.#missingBytes ? bytes.subarray(0, this.#missingBytes) : bytes;
    this.#missingBytes -= part.length;
    this.#sink.data(part);
    if (this.#missingBytes === 0) {
      if (this.#state === "chunk") this.#state = "chunkEnd";
      else this.#end();
    }
    return part.length;
  }

  #takeChunkSize(bytes: Uint8Array): number {
    const text = toText(bytes, MAX_SIZE_LINE_BYTES);
    const end = text.indexOf("\r\n");
    if (end === -1) {
      if (bytes.length >= MAX_SIZE_LINE_BYTES) throw new HttpFault("the line of a chunk's size is too long");
      if (text.includes("\n")) throw new HttpFault("the size of a chunk is malformed");
      return 0;
    }
    const size = SIZE_LINE.exec(text.slice(0, end))?.[1];
    if (size === undefined) throw new HttpFault("the size of a chunk is malformed");
    this.#missingBytes = parseInt(size, 16);
    this.#state = this.#missingBytes === 0 ? "trailers" : "chunk";
    return end + 2;
  }

  #takeChunkEnd(bytes: Uint8Array): number {
    if (bytes.length < 2) return 0;
    if (bytes[0] !== 0x0d || bytes[1] !== 0x0a) throw new HttpFault("a chunk is longer than its size");
    this.#state = "chunkSize";
    return 2;
  }

  /** They are checked, and dropped. */
  #takeTrailers(bytes: Uint8Array): number {
    const text = toText(bytes, MAX_HEAD_BYTES);
    if (text.startsWith("\r\n")) {
      this.#end();
      return 2;
    }
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) {
      if (bytes.length >= MAX_HEAD_BYTES) throw new HttpFault(`its trailers exceed ${MAX_HEAD_BYTES} bytes`);
      if (BARE_LINE_FEED.test(text)) throw new HttpFault("a line of its trailers does not end with CR LF");
      return 0;
    }
    readHeaderLines(text.slice(0, end + 2), 0, () => {});
    this.#end();
    return end + 4;
  }

  #end(): void {
    this.#state = "ended";
    this.#sink.end();
  }
}

/** One character for each byte. */
function toText({ buffer, byteOffset, length }: Uint8Array, maxBytes: number): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1", 0, Math.min(length, maxBytes));
}
