/**
 * The head of a response, as strict as a relay has to be (RFC 9112): what two programs could read in two ways is refused.
 *
 * @module
 */

import { withoutTrailingBlanks } from "../../../shared/http/headers.ts";
import { HttpFault } from "./http_fault.ts";

/** How the end of a body is known: by its length in bytes, by its chunks, or by the end of the connection. */
export type BodyFraming = number | "chunked" | "close";

/** A response's head. */
export interface ResponseHead {
  readonly status: number;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Where a body follows at all, see {@linkcode hasBody}. */
  readonly framing: BodyFraming;
  /** Whether the target leaves the connection open after this response. */
  readonly isKept: boolean;
  /** For how many seconds it leaves it open without use, where it says so. */
  readonly keptSeconds: number | undefined;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/;
/**
 * No folded lines, nothing between name and colon, no control characters, no line end but CRLF. A blank fits in one place only: a line of them
 * with a fault at its end would be tried in all others.
 */
const HEADER_LINE = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?)\r\n/y;
const LENGTH = /^[0-9]{1,15}$/;

/**
 * Reads a head.
 *
 * @param text One character for each byte; ends with the line end of the last header line.
 * @param method Of the request.
 * @throws {HttpFault}
 */
export function parseResponseHead(text: string, method: string): ResponseHead {
  const start = STATUS_LINE.exec(text);
  if (start === null) throw new HttpFault("its status line is malformed");
  const rawHeaders: string[] = [];
  const fields = new FramingFields();
  readHeaderLines(text, start[0].length, (name, value) => {
    rawHeaders.push(name, value);
    fields.add(name, value);
  });
  const status = Number(start[2]);
  const isHttp11 = start[1] === "1";
  const framing = fields.framing();
  const isKept = isHttp11 ? !fields.connection.includes("close") : fields.connection.includes("keep-alive");
  const endsByClose = framing === "close" && hasBody(status, method);
  return {
    status,
    rawHeaders,
    framing,
    isKept: isKept && !endsByClose && (isHttp11 || framing !== "chunked"),
    keptSeconds: fields.keptSeconds,
  };
}

/**
 * Reads header lines, or trailers.
 *
 * @param text Ends with the line end of the last one.
 * @param start Where the first one begins.
 * @throws {HttpFault}
 */
export function readHeaderLines(text: string, start: number, take: (name: string, value: string) => void): void {
  HEADER_LINE.lastIndex = start;
  for (let end = start; end < text.length; end = HEADER_LINE.lastIndex) {
    const line = HEADER_LINE.exec(text);
    if (line === null) throw new HttpFault("a header line is malformed");
    take(line[1]!, withoutTrailingBlanks(line[2]!));
  }
}

/** Whether a body follows a head at all. */
export function hasBody(status: number, method: string): boolean {
  return method !== "HEAD" && status >= 200 && status !== 204 && status !== 304;
}

/** Collects the lines that say where the response ends. */
class FramingFields {
  #contentLength: string | undefined;
  #transferEncoding: string | undefined;
  /** Tokens of `Connection`, in lower case. */
  connection: readonly string[] = [];
  keptSeconds: number | undefined;

  add(name: string, value: string): void {
    switch (name.length) {
      case 10:
        if (name.toLowerCase() === "connection") this.#addConnection(value);
        else if (name.toLowerCase() === "keep-alive") this.#addKeepAlive(value);
        return;
      case 14:
        if (name.toLowerCase() !== "content-length") return;
        if (this.#contentLength !== undefined) throw new HttpFault("it has two lengths");
        if (!LENGTH.test(value)) throw new HttpFault("its length is no number");
        this.#contentLength = value;
        return;
      case 17:
        if (name.toLowerCase() !== "transfer-encoding") return;
        if (this.#transferEncoding !== undefined || value.toLowerCase() !== "chunked") {
          throw new HttpFault("its transfer encoding is not chunked");
        }
        this.#transferEncoding = value;
    }
  }

  /** @throws {HttpFault} when there are two ways to see where the body ends. */
  framing(): BodyFraming {
    if (this.#transferEncoding === undefined) {
      return this.#contentLength === undefined ? "close" : Number(this.#contentLength);
    }
    if (this.#contentLength !== undefined) throw new HttpFault("it has a length and chunks");
    return "chunked";
  }

  #addConnection(value: string): void {
    const tokens = value.toLowerCase().split(",").map((token) => token.trim());
    this.connection = [...this.connection, ...tokens];
  }

  #addKeepAlive(value: string): void {
    const seconds = /(?:^|[,; ])timeout=([0-9]{1,9})/i.exec(value)?.[1];
    if (seconds !== undefined) this.keptSeconds = Number(seconds);
  }
}
