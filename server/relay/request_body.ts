/**
 * Takes a client's body in: small ones at once, large ones as a stream, neither beyond its limits.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { Body } from "../../shared/http/message.ts";
import type { ListenerBody } from "../listener/listener.ts";

/** What a body may cost. */
export interface RequestBodyLimits {
  /** Bodies of known length up to this are read into memory, in bytes. */
  readonly inlineBodyLimitBytes: number;
  /** Larger ones are refused, in bytes; `undefined` for no limit. */
  readonly maxBodyBytes: number | undefined;
  /** How long a client may send nothing, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** Called before a body is refused for its size. */
  readonly refused?: () => void;
}

/**
 * Reads a body, or makes it ready to be streamed.
 *
 * @param onBytes Called for each piece of a stream with its size in bytes.
 * @throws {RelayError} `body_too_large`, `request_timeout`, `client_gone`; a stream errors with the same.
 */
export async function takeBody(
  body: ListenerBody | null,
  limits: RequestBodyLimits,
  onBytes: (bytes: number) => void,
): Promise<Body> {
  if (body === null) return null;
  const { length } = body;
  if (body.isMessages) return { stream: countedStream(body.stream(), onBytes) };
  if (length !== undefined && length > (limits.maxBodyBytes ?? Infinity)) throw tooLarge(limits);
  if (length !== undefined && length <= limits.inlineBodyLimitBytes) {
    const bytes = await withIdleTimeout(body.bytes(), limits.idleTimeoutMs);
    onBytes(bytes.length);
    return bytes;
  }
  const stream = guardedStream(body.stream(), limits, onBytes);
  return length === undefined ? { stream } : { stream, length };
}

function countedStream(
  source: ReadableStream<Uint8Array>,
  onBytes: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      onBytes(value.length);
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

function guardedStream(
  source: ReadableStream<Uint8Array>,
  limits: RequestBodyLimits,
  onBytes: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  const { maxBodyBytes = Infinity } = limits;
  const reader = source.getReader();
  let receivedBytes = 0;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await withIdleTimeout(reader.read(), limits.idleTimeoutMs);
        if (done) return controller.close();
        receivedBytes += value.length;
        if (receivedBytes > maxBodyBytes) throw tooLarge(limits);
        onBytes(value.length);
        controller.enqueue(value);
      } catch (error) {
        reader.cancel(error).catch(() => {});
        throw error;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/**
 * Waits for what a client sends next.
 *
 * @throws {RelayError} `request_timeout`; `client_gone` for any failure to read, which is the client's doing.
 */
export async function withIdleTimeout<T>(read: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new RelayError("request_timeout", "The client stopped sending its body")),
    timeoutMs,
  );
  try {
    return await Promise.race([read, timeout]);
  } catch (cause) {
    if (cause instanceof RelayError) throw cause;
    throw new RelayError("client_gone", "The client broke off its body", { cause });
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge({ maxBodyBytes, refused }: RequestBodyLimits): RelayError {
  refused?.();
  return new RelayError("body_too_large", `The body exceeds ${maxBodyBytes} bytes`);
}
