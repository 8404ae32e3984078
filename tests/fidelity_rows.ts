/**
 * Requests and answers that must come out of the relay as they went in; `fidelity_test.ts` sends each of them straight to a target and through
 * the relay.
 *
 * @module
 */

import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { ListenerName } from "./testkit/listeners.ts";

/** A request without its target and `Host`. Everything is a byte string. */
export interface SentRequest {
  /** `GET` unless given. */
  readonly method?: string;
  /** What follows the target's name; `/` unless given. */
  readonly path?: string;
  readonly lines?: readonly string[];
  /** With its framing, as it stands behind the head. */
  readonly body?: string;
  /** `1.1` unless given. */
  readonly version?: "1.0" | "1.1";
}

/** A request, what the target answers, and what a listener is known to change. */
export interface FidelityRow {
  readonly request?: SentRequest;
  /** Head and body, as they stand on the wire. */
  readonly answer: string;
  /** Whether the target closes after its answer. */
  readonly closes?: boolean;
  /** By listener: the status that the client gets instead, as `docs/http.md` says. */
  readonly instead?: Partial<Record<ListenerName, number>>;
  /** By listener: response header (lower case) that is lost, as `docs/http.md` says. */
  readonly loses?: Partial<Record<ListenerName, string>>;
}

/** A byte string of these bytes. */
export function byteString(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

const EVERY_BYTE = byteString(Uint8Array.from({ length: 256 }, (_, index) => index));
const TEXT = "packed ".repeat(1000);

/** An answer with a length. */
function answer(body: string, lines: readonly string[] = [], status = "200 OK"): string {
  return [`HTTP/1.1 ${status}`, ...lines, `Content-Length: ${body.length}`, "", body].join("\r\n");
}

function encoded(encoding: string, bytes: Uint8Array): string {
  return answer(byteString(bytes), [`Content-Encoding: ${encoding}`, "Vary: Accept-Encoding", 'ETag: "x"']);
}

function chunked(parts: readonly string[], lines: readonly string[] = [], trailers = ""): string {
  const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
  return ["HTTP/1.1 200 OK", ...lines, "Transfer-Encoding: chunked", "", `${chunks}0\r\n${trailers}\r\n`].join("\r\n");
}

const OK = answer("ok");
const EMPTY_LINES = ["HTTP/1.1 200 OK", "Server: x", "X-Length: none"];

/** What targets answer. */
export const ANSWERS: Readonly<Record<string, FidelityRow>> = {
  "every byte in a body": { answer: answer(EVERY_BYTE) },
  "an empty body": { answer: answer("") },
  "a large body": { answer: answer(EVERY_BYTE.repeat(4000)) },
  "gzip": { answer: encoded("gzip", gzipSync(TEXT)) },
  "brotli": { answer: encoded("br", brotliCompressSync(TEXT)) },
  "deflate": { answer: encoded("deflate", deflateSync(TEXT)) },
  "zstd": { answer: encoded("zstd", Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0x09, 0x00, 0x00, 0x61)) },
  "an encoding that is a lie": { answer: answer("not packed at all", ["Content-Encoding: gzip, br"]) },
  "gzip in chunks": { answer: chunked([byteString(gzipSync(TEXT))], ["Content-Encoding: gzip"]) },
  "chunks": { answer: chunked(["a", EVERY_BYTE, "", "c".repeat(70_000)].filter((part) => part !== "")) },
  "no chunks": { answer: chunked([]) },
  "trailers, which are dropped": { answer: chunked(["abc"], ["Trailer: X-Sum"], "X-Sum: 1\r\n") },
  "a body that ends with the connection": { answer: "HTTP/1.1 200 OK\r\nX: y\r\n\r\nuntil close", closes: true },
  "a body of HTTP/1.0": { answer: "HTTP/1.0 200 OK\r\nX: y\r\n\r\nuntil close", closes: true },
  "HEAD with a length": { request: { method: "HEAD" }, answer: "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n" },
  "HEAD without a length": { request: { method: "HEAD" }, answer: [...EMPTY_LINES, "", ""].join("\r\n") },
  "HEAD of what would be 404": { request: { method: "HEAD" }, answer: "HTTP/1.1 404 X\r\nContent-Length: 9\r\n\r\n" },
  "204": { answer: 'HTTP/1.1 204 No Content\r\nETag: "x"\r\n\r\n' },
  "205": {
    answer: "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\nX: y\r\n\r\n",
    instead: { native: 204 },
    loses: { native: "content-length" },
  },
  "304": { answer: 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nCache-Control: max-age=5\r\n\r\n' },
  "304 with a length": {
    answer: 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 1234\r\n\r\n',
    loses: { native: "content-length" },
  },
  "206": {
    request: { lines: ["Range: bytes=1-3", 'If-Range: "x"'] },
    answer: answer("bcd", ["Content-Range: bytes 1-3/10", "Accept-Ranges: bytes"], "206 Partial Content"),
  },
  "206 with several parts": {
    request: { lines: ["Range: bytes=0-0,-1"] },
    answer: answer(
      "--x\r\nContent-Range: bytes 0-0/10\r\n\r\na\r\n--x--\r\n",
      ["Content-Type: multipart/byteranges; boundary=x"],
      "206 Partial Content",
    ),
  },
  "416": { request: { lines: ["Range: bytes=99-"] }, answer: answer("", ["Content-Range: bytes */10"], "416 X") },
  "repeated headers": {
    answer: answer("ok", [
      "X-Twice: 1",
      "Set-Cookie: a=1; Path=/; HttpOnly",
      "X-Twice: 2, 3",
      "set-cookie: b=2",
      "Set-Cookie: a=3",
      "Link: <a>",
      "Link: <b>",
    ]),
  },
  "bytes above ASCII in headers": { answer: answer("ok", ["X-Latin: \u0080\u00e4\u00ff", "X-Tab: a\tb", "X-Empty:"]) },
  "its own Date, Server and Via": {
    answer: answer("ok", ["Date: Thu, 01 Jan 1970 00:00:00 GMT", "Server: x/1 (y)", "Via: 1.1 behind"]),
  },
  "a redirect": { answer: answer("", ["Location: https://elsewhere.example/a/../b?%zz#c"], "302 Found") },
  "basic authentication": {
    answer: answer("", ["WWW-Authenticate: Basic realm=x", "WWW-Authenticate: Digest y"], "401 X"),
  },
  "headers of 60,000 bytes": {
    answer: answer("ok", [`X-Long: ${"x".repeat(30_000)}`, `X-More: ${"y".repeat(30_000)}`]),
  },
  "unknown statuses": { answer: answer("?", [], "299 Strange") },
  "a status of its own above 500": { answer: answer("mine", [], "599 Mine") },
  "an error that looks like the relay's": { answer: answer("{}", ["Content-Type: application/problem+json"], "503 X") },
  "early hints, which are dropped": { answer: `HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n${OK}` },
  "an unasked 100, which is dropped": { answer: `HTTP/1.1 100 Continue\r\n\r\n${OK}` },
  "an empty reason": { answer: "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok" },
};

const fixed = (body: string) => ({ lines: [`Content-Length: ${body.length}`], body });
const inChunks = (body: string) => ({
  lines: ["Transfer-Encoding: chunked"],
  body: `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
});
const packed = byteString(gzipSync(TEXT));

/** What clients ask; the target answers with `ok`. */
export const REQUESTS: Readonly<Record<string, FidelityRow>> = Object.fromEntries(
  Object.entries<SentRequest & { readonly instead?: Partial<Record<ListenerName, number>> }>({
    "nothing but a path": {},
    "usual headers": {
      lines: [
        "Accept: a;q=0.5, */*",
        "Accept-Encoding: gzip, br, zstd",
        "User-Agent: x",
        'If-None-Match: "a", W/"b"',
        "DNT: 1",
      ],
    },
    "repeated headers and cookies": {
      lines: ["X-Twice: 1", "Cookie: a=1", "X-Other: x", "X-Twice: 2", "Cookie: b=2; c=3"],
    },
    "bytes above ASCII in headers": { lines: ["X-Latin: \u0080\u00e4\u00ff", "X-Tab: a\tb", "X-Empty:"] },
    "headers of 60,000 bytes": { lines: [`X-Long: ${"x".repeat(60_000)}`] },
    "a hundred headers": { lines: Array.from({ length: 100 }, (_, index) => `X-${index}: ${index}`) },
    "credentials of its own": { lines: ["Authorization: Basic eDp5", "X-Api-Key: z"] },
    "a preflight": {
      method: "OPTIONS",
      lines: ["Origin: https://o.example", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x"],
    },
    "a trace context": {
      lines: ["traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate: a=b"],
    },
    "POST with a length": { method: "POST", ...fixed(EVERY_BYTE) },
    "POST in chunks": { method: "POST", ...inChunks(EVERY_BYTE) },
    "POST with nothing": { method: "POST", lines: ["Content-Length: 0"] },
    "POST with nothing in chunks": { method: "POST", lines: ["Transfer-Encoding: chunked"], body: "0\r\n\r\n" },
    "a large POST": { method: "POST", ...fixed(EVERY_BYTE.repeat(2000)) },
    "a packed body": {
      method: "PUT",
      lines: ["Content-Encoding: gzip", `Content-Length: ${packed.length}`],
      body: packed,
    },
    "a form": {
      method: "POST",
      lines: ["Content-Type: application/x-www-form-urlencoded", "Content-Length: 9"],
      body: "a=1+%202&b",
    },
    "DELETE with a body": { method: "DELETE", ...fixed("abc") },
    "OPTIONS with a body": { method: "OPTIONS", ...fixed("abc") },
    "PATCH in chunks": { method: "PATCH", ...inChunks("abc") },
    "GET with a body": { ...fixed("abc"), instead: { native: 400 } },
    "GET with chunks": { ...inChunks("abc"), instead: { native: 400 } },
    "HEAD with a body": { method: "HEAD", ...fixed("abc"), instead: { native: 400 } },
    "PROPFIND": { method: "PROPFIND", lines: ["Depth: 1", "Content-Length: 3"], body: "<x>" },
    "QUERY": { method: "QUERY", ...fixed("a=b") },
    "M-SEARCH": { method: "M-SEARCH" },
    "TRACE": { method: "TRACE", lines: ["Max-Forwards: 0"] },
    "REPORT": { method: "REPORT", ...fixed("<x/>") },
    "a method nobody knows": { method: "BREW", instead: { node: 400 } },
    "a method of odd characters": { method: "x!#$%&'*+-.^_`|~9", instead: { node: 400 } },
    "HTTP/1.0": { version: "1.0", lines: ["X: y"] },
    "HTTP/1.0 with a body": { version: "1.0", method: "POST", ...fixed("abc") },
  }).map((
    [name, { instead, ...request }],
  ) => [name, { request, answer: OK, ...(instead === undefined ? {} : { instead }) }]),
);

const PRINTABLE = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index))
  .filter((character) => character !== "#");

/** What stands in a path or query and must arrive as it is. The fragment sign is refused, see `docs/http.md`. */
export const PATHS: readonly string[] = [
  ...PRINTABLE.map((character) => `/a${character}b${character}?c${character}d${character}`),
  "",
  "/",
  "?",
  "?q",
  "//",
  "/a//b///",
  "/%00%01%7f%80%ff%zz%",
  "/%2F%2f%5c?%2e%2e/..",
  "/a+b%20c?d+e%20f",
  "/a;b=c/d;e?f;g",
  "/http://elsewhere.example:80/x?http://y",
];

/** Bytes above ASCII in paths, which only `native` takes. */
export const UTF8_PATHS: readonly string[] = ["/\u00c3\u00a4?\u00e2\u0082\u00ac", "/\u00f0\u009f\u0098\u0080"];
