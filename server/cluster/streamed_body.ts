/**
 * Keeps messages between origins small: a carrier has a limit for them, and large ones hold up what comes behind.
 *
 * @module
 */

import { type Body, isStreamBody, type StreamBody } from "../../shared/http/message.ts";

/** Bodies up to this size travel in one message with their head, in bytes. */
const MAX_INLINE_BYTES = 64 * 1024;

/** The same request or response; a large body that was in memory is streamed. */
export function withStreamedBody<Message extends { readonly body: Body }>(message: Message): Message {
  const { body } = message;
  if (body === null || isStreamBody(body) || body.length <= MAX_INLINE_BYTES) return message;
  return { ...message, body: streamOf(body) };
}

/** The bytes themselves stay as they are: they may have to be sent again. */
function streamOf(bytes: Uint8Array): StreamBody {
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  }, { highWaterMark: 0 });
  return { stream, length: bytes.length };
}
