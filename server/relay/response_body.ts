/**
 * Watches a response's body on its way to the client.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { type Body, isStreamBody, type StreamBody } from "../../shared/http/message.ts";

/** How a body ended: `undefined` when it is complete. */
export type BodyEnded = (bytes: number, error: RelayError | undefined) => void;

/** What a response's body may cost. */
export interface ResponseBodyLimits {
  /** How long a target may send nothing, in milliseconds; `undefined` for no limit. */
  readonly idleTimeoutMs: number | undefined;
}

/** Passes a body through and calls back once when it has ended, was broken off, or the client has left. */
export function watchBody(
  { stream }: StreamBody,
  { idleTimeoutMs }: ResponseBodyLimits,
  ended: BodyEnded,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let bytes = 0;
  let hasEnded = false;
  const end = (error: RelayError | undefined) => {
    if (hasEnded) return;
    hasEnded = true;
    ended(bytes, error);
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await (idleTimeoutMs === undefined ? reader.read() : readWithin(reader, idleTimeoutMs));
        if (done) {
          end(undefined);
          return controller.close();
        }
        bytes += value.length;
        controller.enqueue(value);
      } catch (error) {
        end(
          error instanceof RelayError
            ? error
            : new RelayError("internal_error", "The response broke off", { cause: error }),
        );
        throw error;
      }
    },
    cancel(reason) {
      end(new RelayError("client_gone", "The client has left"));
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  timeoutMs: number,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new RelayError("target_timeout", "The target stopped sending");
    reject(error);
    reader.cancel(error).catch(() => {});
  }, timeoutMs);
  try {
    return await Promise.race([reader.read(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Passes a body through, and says after each part how many bytes there were so far. */
export function countBody({ stream, length }: StreamBody, counted: (bytes: number) => void): StreamBody {
  const reader = stream.getReader();
  let bytes = 0;
  const counting = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      counted(bytes += value.length);
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return length === undefined ? { stream: counting } : { stream: counting, length };
}

/** Says that nobody will read a body, unless somebody does already. */
export function giveUpBody(body: Body): void {
  if (isStreamBody(body) && !body.stream.locked) body.stream.cancel().catch(() => {});
}
