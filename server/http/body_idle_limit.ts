/**
 * Has the server's own routes wait for bodies no longer than the relay does.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { answerFailure, toRelayError } from "../relay/failure.ts";
import { withIdleTimeout } from "../relay/request_body.ts";

/**
 * Answers `request_timeout` when a body that a route reads stops coming.
 *
 * @param timeoutMs How long a client may send nothing, in milliseconds.
 */
export function bodyIdleLimit(timeoutMs: number): MiddlewareHandler {
  return async (context, next) => {
    const { raw } = context.req;
    if (raw.body === null) return await next();
    const reader = raw.body.getReader();
    let failure: unknown;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        try {
          const { done, value } = await withIdleTimeout(reader.read(), timeoutMs);
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          failure = error;
          reader.cancel(error).catch(() => {});
          throw error;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
    context.req.raw = new Request(raw, { body });
    await next();
    if (failure === undefined) return;
    // Whatever the route made of it. A response that is there already would give the new one its headers.
    const { status, headers, body: problem } = answerFailure(toRelayError(failure));
    context.res = undefined;
    context.res = new Response(problem as Uint8Array<ArrayBuffer>, { status, headers: headers as [string, string][] });
  };
}
