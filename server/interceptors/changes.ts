/**
 * Checks what interceptors give back. They are code of whoever runs the server, but a mistake in one must not become a request or an answer that others
 * read in two ways.
 *
 * @module
 */

import { ACKNOWLEDGE_MODES } from "../persistence/schema.ts";
import { HOP_BY_HOP } from "../../shared/http/headers.ts";
import type { Body, HeaderLines } from "../../shared/http/message.ts";
import { hasDotSegments } from "../../shared/http/path.ts";
import type { DirectAnswer, NewBody, RequestChanges, ResponseChanges } from "./interceptor.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TARGET = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;
const PATH = /^(?:[/?][\x21-\x22\x24-\x7e\x80-\xff]*)?$/;
const FORBIDDEN_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/;
const KNOWN_METHOD = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE)$/i;
const BODILESS = new Set([204, 205, 304]);

const REQUEST_KEYS = [
  "method",
  "target",
  "path",
  "headers",
  "body",
  "isTraced",
  "acknowledgeMode",
  "answer",
  "deliver",
];
const RESPONSE_KEYS = ["status", "headers", "body"];

const encoder = new TextEncoder();

/**
 * Checks the changes of a request.
 *
 * @throws {TypeError} Says what is wrong with them.
 */
export function checkRequestChanges(changes: RequestChanges): RequestChanges {
  checkKeys(changes, REQUEST_KEYS);
  const { method, target, path, headers, isTraced, acknowledgeMode, answer, deliver } = changes;
  if (method !== undefined && !isMethod(method)) {
    throw new TypeError("method must be a method of HTTP other than CONNECT, known ones in upper case");
  }
  check("target", target, (name) => TARGET.test(name), "must be the name of a target");
  check(
    "path",
    path,
    isPath,
    "must be empty or begin with / or ?, without dot segments, #, spaces and control characters",
  );
  if (headers !== undefined) checkHeaders(headers);
  if (isTraced !== undefined && typeof isTraced !== "boolean") throw new TypeError("isTraced must be true or false");
  if (acknowledgeMode !== undefined && !ACKNOWLEDGE_MODES.includes(acknowledgeMode)) {
    throw new TypeError(`acknowledgeMode must be one of ${ACKNOWLEDGE_MODES.join(", ")}`);
  }
  if (deliver !== undefined && (typeof deliver !== "boolean" || answer === undefined)) {
    throw new TypeError("deliver must be true or false, together with answer");
  }
  if (answer !== undefined) checkAnswer(answer);
  return changes;
}

/**
 * Checks the changes of a response.
 *
 * @throws {TypeError} Says what is wrong with them.
 */
export function checkResponseChanges(changes: ResponseChanges): ResponseChanges {
  checkKeys(changes, RESPONSE_KEYS);
  if (changes.status !== undefined) checkStatus(changes.status);
  if (changes.headers !== undefined) checkHeaders(changes.headers);
  return changes;
}

/**
 * Checks that a response can have its body.
 *
 * @param options `method` of the request.
 * @throws {TypeError} When it cannot.
 */
export function checkBodyAllowed(
  body: Body,
  { status, method }: { readonly status: number; readonly method: string },
): void {
  if (body === null || (body instanceof Uint8Array && body.length === 0)) return;
  if (BODILESS.has(status)) throw new TypeError(`a response with status ${status} must not have a body`);
  if (method === "HEAD") throw new TypeError("a response to HEAD must not have a body");
}

/**
 * Makes a body of what an interceptor gave.
 *
 * @throws {TypeError} When it is none.
 */
export function toBody(body: NewBody): Body {
  if (body === null || body instanceof Uint8Array) return body;
  if (typeof body === "string") return encoder.encode(body);
  const stream = body instanceof ReadableStream ? body : body?.stream;
  if (!(stream instanceof ReadableStream)) {
    throw new TypeError("body must be null, a text, bytes, a stream, or { stream, length }");
  }
  if (stream.locked) throw new TypeError("body must not be a stream that is locked: somebody else reads it");
  if (body instanceof ReadableStream || body.length === undefined) return { stream };
  if (!Number.isSafeInteger(body.length) || body.length < 0) {
    throw new TypeError("length must be a whole number of bytes");
  }
  return { stream, length: body.length };
}

function checkAnswer(answer: DirectAnswer): void {
  if (typeof answer !== "object" || answer === null) throw new TypeError("answer must be an object");
  checkKeys(answer, RESPONSE_KEYS);
  checkStatus(answer.status);
  if (answer.headers !== undefined) checkHeaders(answer.headers);
}

function checkStatus(status: number): void {
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new TypeError("status must be 200 to 599");
}

function checkHeaders(headers: HeaderLines): void {
  if (!Array.isArray(headers)) throw new TypeError("headers must be a list of pairs of name and value");
  for (const line of headers) {
    if (!Array.isArray(line) || line.length !== 2 || typeof line[0] !== "string" || typeof line[1] !== "string") {
      throw new TypeError("headers must be a list of pairs of name and value, both texts");
    }
    checkHeader(line[0], line[1]);
  }
}

function checkHeader(name: string, value: string): void {
  if (!TOKEN.test(name)) throw new TypeError("the name of a header must be a token");
  if (FORBIDDEN_IN_VALUES.test(value)) {
    throw new TypeError(`the value of the header ${name} has a character that HTTP cannot carry`);
  }
  const lower = name.toLowerCase();
  if (HOP_BY_HOP.has(lower)) throw new TypeError(`the header ${name} is about one connection and must not be set`);
  if (lower.startsWith("relayserver-")) {
    throw new TypeError(`the header ${name} is the relay's own and must not be set`);
  }
}

function checkKeys(value: object, known: readonly string[]): void {
  if (typeof value !== "object" || value === null) {
    throw new TypeError("an interceptor must give an object, or nothing");
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new TypeError(`"${unknown}" is not one of ${known.join(", ")}`);
}

function check(name: string, value: unknown, isGood: (text: string) => boolean, problem: string): void {
  if (value !== undefined && (typeof value !== "string" || !isGood(value))) throw new TypeError(`${name} ${problem}`);
}

function isMethod(method: unknown): boolean {
  return typeof method === "string" && TOKEN.test(method) && method.toUpperCase() !== "CONNECT" &&
    (!KNOWN_METHOD.test(method) || method === method.toUpperCase());
}

function isPath(path: string): boolean {
  return PATH.test(path) && !hasDotSegments(path);
}
