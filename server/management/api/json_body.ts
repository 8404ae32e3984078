/**
 * Reads JSON documents within limits of size and time.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { ManagementError } from "../management_error.ts";
import type { ApiEnvironment } from "./environment.ts";

/** Size of a document at most. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024;

const READ_TIMEOUT_MS = 15_000;
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** How {@link readsJson} works; times are for tests. */
export interface JsonBodyOptions {
  readonly timeoutMs?: number;
}

/**
 * Makes the route's validator find a document that has arrived whole.
 *
 * @returns A handler that throws a {@link ManagementError} `unsupported_media_type`, `body_too_large`, `request_timeout` or
 * `invalid_request`.
 */
export function readsJson({ timeoutMs = READ_TIMEOUT_MS }: JsonBodyOptions = {}): MiddlewareHandler<ApiEnvironment> {
  return async (context, next) => {
    const { raw } = context.req;
    if (!JSON_TYPE.test(raw.headers.get("Content-Type") ?? "")) {
      throw new ManagementError("unsupported_media_type", "Cannot accept the body: it must be application/json");
    }
    const body = await readDocument(raw, { timeoutMs });
    context.req.raw = new Request(raw.url, { method: raw.method, headers: raw.headers, body, signal: raw.signal });
    await next();
  };
}

/**
 * Reads a request's body as text.
 *
 * @throws {ManagementError} `body_too_large`, `request_timeout` or `invalid_request`.
 */
export async function readDocument(
  { headers, body }: Request,
  { timeoutMs = READ_TIMEOUT_MS }: JsonBodyOptions = {},
): Promise<string> {
  if (Number(headers.get("Content-Length") ?? 0) > MAX_DOCUMENT_BYTES) throw tooLarge();
  return decode(await readBytes(body, timeoutMs));
}

async function readBytes(body: ReadableStream<Uint8Array> | null, timeoutMs: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  const reader = body.getReader();
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => expired.reject(tooSlow()), timeoutMs);
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { value, done } = await Promise.race([reader.read(), expired.promise]);
      if (done) return concatenate(parts, length);
      length += value.byteLength;
      if (length > MAX_DOCUMENT_BYTES) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    if (error instanceof ManagementError) throw error;
    throw new ManagementError("invalid_request", "Cannot accept the body: it broke off", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function concatenate(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ManagementError("invalid_request", "Cannot accept the body: it is not UTF-8", { cause });
  }
}

function tooLarge(): ManagementError {
  return new ManagementError("body_too_large", `Cannot accept the body: it exceeds ${MAX_DOCUMENT_BYTES} bytes`);
}

function tooSlow(): ManagementError {
  return new ManagementError("request_timeout", "Cannot accept the body: it took too long to arrive");
}
