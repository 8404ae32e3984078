/**
 * HTTP/1.1 by hand over a TCP connection: what is sent is exactly what the test wrote, and what came back is there byte for byte.
 *
 * @module
 */

import type { HeaderLine, HeaderLines } from "../../shared/http/message.ts";
import { within } from "./deadline.ts";

const CRLF = Uint8Array.of(13, 10);
const END_OF_HEAD = Uint8Array.of(13, 10, 13, 10);

/** The head of a response. */
export interface RawHead {
  /** For example `HTTP/1.1 200 OK`. */
  readonly statusLine: string;
  readonly status: number;
  /** In order and case as they came; values are byte strings (latin1). */
  readonly headers: HeaderLines;
}

/** A complete response. */
export interface RawResponse extends RawHead {
  /** Without the framing of chunks. */
  readonly body: Uint8Array;
}

/** A client's end of a TCP connection. Everything that waits does so for at most its `timeoutMs`. */
export class TcpClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  #unread = new Uint8Array(0);
  #isClosed = false;

  /** @param options `timeoutMs` for each call (10 s) and `maxBytes` of a response's head or body (64 MiB). */
  constructor(connection: Deno.TcpConn, options: { readonly timeoutMs?: number; readonly maxBytes?: number } = {}) {
    this.#connection = connection;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#maxBytes = options.maxBytes ?? 64 << 20;
  }

  /** Sends bytes, or a byte string (latin1). */
  async send(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? Uint8Array.from(data, (character) => character.charCodeAt(0)) : data;
    const write = async () => {
      for (let sent = 0; sent < bytes.length;) sent += await this.#connection.write(bytes.subarray(sent));
    };
    await within(write(), { timeoutMs: this.#timeoutMs, what: `${bytes.length} bytes to be sent` });
  }

  /** Says that nothing more is sent; the other direction stays open. */
  async endSending(): Promise<void> {
    await this.#connection.closeWrite();
  }

  /**
   * Reads the head of a response.
   *
   * @throws {Error} When the connection ends before, the head is not one, or a limit is reached; the bytes so far are in the message.
   */
  async readHead(): Promise<RawHead> {
    const bytes = await this.#readThrough(END_OF_HEAD, "the end of a response's head");
    const [statusLine = "", ...lines] = latin1(bytes.subarray(0, -END_OF_HEAD.length)).split("\r\n");
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1];
    if (status === undefined) throw new Error(`Cannot read response: "${statusLine}" is no status line`);
    return { statusLine, status: Number(status), headers: lines.map(parseHeader) };
  }

  /**
   * Reads a response with its whole body, framed by chunks, by `Content-Length`, or by the end of the connection.
   *
   * @param options `method` of the request; the response to `HEAD` has no body.
   * @throws {Error} As {@linkcode TcpClient.readHead}; also when the body ends short.
   */
  async readResponse(options: { readonly method?: string } = {}): Promise<RawResponse> {
    const head = await this.readHead();
    return { ...head, body: await this.#readBody(head, options.method ?? "GET") };
  }

  /** Reads exactly this many bytes. */
  async readBytes(sizeBytes: number): Promise<Uint8Array> {
    const what = `${sizeBytes} bytes`;
    if (sizeBytes > this.#maxBytes) throw this.#tooMuch(what);
    const bytes = new Uint8Array(sizeBytes);
    const begun = this.#take(Math.min(sizeBytes, this.#unread.length));
    bytes.set(begun);
    let filled = begun.length;
    const read = async () => {
      while (filled < sizeBytes) {
        const count = await this.#connection.read(bytes.subarray(filled));
        if (count === null) throw new Error(`Connection ended after ${filled} of ${what}`);
        filled += count;
      }
    };
    await within(read(), { timeoutMs: this.#timeoutMs, what, detail: () => `so far: ${filled}` });
    return bytes;
  }

  /** Reads what comes until the other side closes. A reset counts as an error. */
  async readToEnd(): Promise<Uint8Array> {
    const what = "the end of the connection";
    const parts: Uint8Array[] = [];
    let sizeBytes = 0;
    const read = async () => {
      let part: Uint8Array | null = this.#take(this.#unread.length);
      for (; part !== null; part = await this.#readSome()) {
        sizeBytes += part.length;
        if (sizeBytes > this.#maxBytes) throw this.#tooMuch(what);
        parts.push(part);
      }
    };
    await within(read(), { timeoutMs: this.#timeoutMs, what, detail: () => `so far: ${sizeBytes} bytes` });
    return concat(parts);
  }

  /** Closes both directions. May be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #readBody(head: RawHead, method: string): Promise<Uint8Array> {
    if (method === "HEAD" || head.status < 200 || head.status === 204 || head.status === 304) return new Uint8Array(0);
    if (headerValue(head, "transfer-encoding")?.toLowerCase() === "chunked") return await this.#readChunks();
    const length = headerValue(head, "content-length");
    if (length === undefined) return await this.readToEnd();
    if (!/^\d+$/.test(length)) throw new Error(`Cannot read response: Content-Length is "${length}"`);
    return await this.readBytes(Number(length));
  }

  async #readChunks(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    while (true) {
      const line = latin1(await this.#readThrough(CRLF, "the size of a chunk")).trimEnd();
      if (!/^[0-9a-f]+(;.*)?$/i.test(line)) throw new Error(`Cannot read response: "${line}" is no chunk size`);
      const sizeBytes = Number.parseInt(line, 16);
      if (sizeBytes === 0) break;
      chunks.push(await this.readBytes(sizeBytes));
      await this.#expectLineEnd();
    }
    // Trailers, if there are any, end with an empty line.
    while ((await this.#readThrough(CRLF, "the end of the chunks")).length > CRLF.length);
    return concat(chunks);
  }

  async #expectLineEnd(): Promise<void> {
    const end = await this.readBytes(CRLF.length);
    if (latin1(end) !== "\r\n") throw new Error("Cannot read response: a chunk is longer than its size");
  }

  async #readThrough(end: Uint8Array, what: string): Promise<Uint8Array> {
    let index = indexOf(this.#unread, end);
    const read = async () => {
      while (index < 0) {
        if (this.#unread.length > this.#maxBytes) throw this.#tooMuch(what);
        const part = await this.#readSome();
        if (part === null) throw new Error(`Connection ended before ${what}\n${this.#soFar()}`);
        this.#unread = concat([this.#unread, part]);
        index = indexOf(this.#unread, end);
      }
    };
    await within(read(), { timeoutMs: this.#timeoutMs, what, detail: () => this.#soFar() });
    return this.#take(index + end.length);
  }

  async #readSome(): Promise<Uint8Array<ArrayBuffer> | null> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await this.#connection.read(buffer);
    return count === null ? null : buffer.subarray(0, count);
  }

  #take(sizeBytes: number): Uint8Array {
    const bytes = this.#unread.slice(0, sizeBytes);
    this.#unread = this.#unread.slice(sizeBytes);
    return bytes;
  }

  #tooMuch(what: string): Error {
    return new Error(`Cannot read ${what}: more than ${this.#maxBytes} bytes`);
  }

  #soFar(): string {
    return `so far: ${JSON.stringify(latin1(this.#unread.subarray(0, 1000)))}`;
  }
}

/**
 * Connects to a server on this machine.
 *
 * @throws {Deno.errors.ConnectionRefused} When nobody listens.
 */
export async function connectTcp(
  port: number,
  options: { readonly hostname?: string; readonly timeoutMs?: number; readonly maxBytes?: number } = {},
): Promise<TcpClient> {
  return new TcpClient(await Deno.connect({ hostname: options.hostname ?? "127.0.0.1", port }), options);
}

/**
 * Sends one request to a server on this machine, byte for byte, and reads the answer.
 *
 * @param requestLine Method and target, as in `GET /x`.
 * @param options Header lines that follow the request line and `Host`, and what follows the head.
 */
export async function exchange(
  { port }: { readonly port: number },
  requestLine: string,
  { lines = [], body = "" }: { readonly lines?: readonly string[]; readonly body?: string } = {},
): Promise<RawResponse> {
  using client = await connectTcp(port);
  const head = [`${requestLine} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...lines].join("\r\n");
  await client.send(`${head}\r\n\r\n${body}`);
  return await client.readResponse({ method: requestLine.split(" ")[0]! });
}

/** The values of a header, joined by `, `; `undefined` when it is not there. The name is matched without regard to case. */
export function headerValue(head: RawHead, name: string): string | undefined {
  const values = head.headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(", ");
}

function parseHeader(line: string): HeaderLine {
  const colon = line.indexOf(":");
  if (colon < 1) throw new Error(`Cannot read response: "${line}" is no header`);
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")];
}

/** The byte string of some bytes. Not by `TextDecoder`: its "latin1" is windows-1252, which is another character for 0x80 to 0x9F. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  for (let start = 0; start + part.length <= bytes.length; start++) {
    if (part.every((byte, offset) => bytes[start + offset] === byte)) return start;
  }
  return -1;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
