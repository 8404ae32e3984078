/**
 * Header lines on their way between the relay and an HTTP connection to a target: raw arrays in and out, so that spelling, order and repeats
 * survive.
 *
 * @module
 */

import { validateHeaderName, validateHeaderValue } from "node:http";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { HOP_BY_HOP } from "../../shared/http/headers.ts";
import type { HeaderLine, HeaderLines } from "../../shared/http/message.ts";

/** Request lines the connector writes itself. `Expect` is gone because the client had its `100 Continue` from the listener. */
const NOT_FORWARDED = new Set([...HOP_BY_HOP, "content-length", "expect", "host"]);

/** Lists no names of headers. */
const USUAL_CONNECTION = /^,(?:keep-alive|close)$/i;

/** How a request's body is marked off: not at all, by its length in bytes, or by chunks. */
export type Framing = undefined | number | "chunked";

/** The lines a target's configuration adds to every request; they replace the client's lines of the same name. */
export class ConfiguredHeaders {
  static readonly none = new ConfiguredHeaders({});
  /** Value for `Host`, when one is configured. */
  readonly host: string | undefined;
  readonly #names = new Set<string>();
  readonly #raw: string[] = [];

  /** @throws {TypeError} when a name or value is not valid, or the name is one the connector has to write itself. */
  constructor(headers: Readonly<Record<string, string>>) {
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
      const lowerCaseName = name.toLowerCase();
      if (lowerCaseName === "host") this.host = value;
      else if (NOT_FORWARDED.has(lowerCaseName)) {
        throw new TypeError(`Cannot add header: ${name} is not for configuration`);
      } else this.#raw.push(name, value);
      this.#names.add(lowerCaseName);
    }
  }

  /** Whether a client's line gives way. */
  replaces(lowerCaseName: string): boolean {
    return this.#names.has(lowerCaseName);
  }

  /** Adds the lines to a raw array. */
  appendTo(raw: string[]): void {
    for (const item of this.#raw) raw.push(item);
  }
}

/** What {@linkcode toRawRequestHeaders} needs beside the client's lines. */
export interface RequestHeaderOptions {
  readonly framing: Framing;
  /** The target's own `Host`. */
  readonly authority: string;
  /** Whether the target gets the client's `Host`. */
  readonly preserveHost: boolean;
  readonly configured: ConfiguredHeaders;
}

/**
 * @param lines The client's header lines.
 * @returns Names and values in turn, as `node:http` sends them: exactly one `Host`, exactly one framing when there is a body.
 */
export function toRawRequestHeaders(lines: HeaderLines, options: RequestHeaderOptions): string[] {
  const { framing, configured } = options;
  const raw = ["Host", configured.host ?? options.authority];
  let clientHost: string | undefined;
  let forwardedHost: string | undefined;
  for (const [name, value] of lines) {
    const lowerCaseName = name.toLowerCase();
    if (lowerCaseName === "host") clientHost ??= value;
    if (lowerCaseName === "x-forwarded-host") forwardedHost ??= value;
    if (!NOT_FORWARDED.has(lowerCaseName) && !configured.replaces(lowerCaseName)) raw.push(name, value);
  }
  if (options.preserveHost) raw[1] = configured.host ?? clientHost ?? forwardedHost ?? options.authority;
  configured.appendTo(raw);
  if (framing === "chunked") raw.push("Transfer-Encoding", "chunked");
  else if (framing !== undefined) raw.push("Content-Length", String(framing));
  return raw;
}

/** A response's header lines, with what framing needs of them. */
export interface ResponseHeaders {
  readonly lines: HeaderLines;
  /** `Content-Length`, when there is one. */
  readonly contentLength: number | undefined;
  /** Whether nothing but the end of the connection ends the body. */
  readonly isEndedByClose: boolean;
}

/**
 * @param raw Names and values in turn, as `node:http` received them.
 * @returns All lines but those that concern the connection.
 * @throws {RelayError} `target_invalid_response` when the body is encoded for transfer in another way than by chunks: the parser undoes the
 * chunks only, and the client could not tell.
 */
export function fromRawResponseHeaders(raw: readonly string[]): ResponseHeaders {
  let lines: HeaderLine[] = [];
  let contentLength: number | undefined;
  let transferEncoding: string | undefined;
  let connection = "";
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]!;
    const value = raw[index + 1]!;
    const lowerCaseName = name.toLowerCase();
    if (lowerCaseName === "transfer-encoding") {
      transferEncoding = transferEncoding === undefined ? value : `${transferEncoding}, ${value}`;
    } else if (lowerCaseName === "connection") connection += `,${value}`;
    else if (lowerCaseName === "content-length") contentLength = Number(value);
    if (!HOP_BY_HOP.has(lowerCaseName)) lines.push([name, value]);
  }
  if (transferEncoding !== undefined && transferEncoding.trim().toLowerCase() !== "chunked") {
    throw new RelayError("target_invalid_response", "Cannot read response: its transfer encoding is not chunked");
  }
  if (connection !== "" && !USUAL_CONNECTION.test(connection)) lines = withoutListed(lines, connection);
  const isEndedByClose = contentLength === undefined && transferEncoding === undefined;
  return { lines, contentLength, isEndedByClose };
}

/** Removes what `Connection` lists, but never the length: a target must not take the framing away. */
function withoutListed(lines: HeaderLine[], connection: string): HeaderLine[] {
  const listed = new Set(connection.toLowerCase().split(",").map((token) => token.trim()));
  listed.delete("content-length");
  for (const usual of ["", "close", "keep-alive"]) listed.delete(usual);
  return listed.size === 0 ? lines : lines.filter(([name]) => !listed.has(name.toLowerCase()));
}
