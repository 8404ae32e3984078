/**
 * What the connector asks of a target: one application at the site, reached by name. Implementations: `web.ts` (another program, over HTTP),
 * `fetch_handler.ts` (a function in this process), `echo.ts`, `ping.ts`.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { isStreamBody, type RelayRequest, type RelayResponse } from "../../shared/http/message.ts";

/** What a call to a target needs beside the request. */
export interface TargetContext {
  /** Ends the call at any time, also while the response's body flows. */
  readonly signal: AbortSignal;
  /** Bodies whose length is known and not above this many bytes are returned complete, as a `Uint8Array`. */
  readonly inlineBodyLimitBytes: number;
}

/** An application that answers relayed requests. Disposing it ends the calls that still run. */
export interface Target extends Partial<AsyncDisposable> {
  /** Ends what would outlast every drain, such as WebSockets. */
  drain?(): void;
  /**
   * Calls the application.
   *
   * @param request The request. With `upgrade` it asks for a WebSocket, which a target without them refuses. Its body is read while the call runs, and cancelled when the call ends before it was read to its end.
   * @param context Limits and the signal of this call.
   * @returns The answer as soon as its head is there. A body that is a stream errors with a {@linkcode RelayError} when it breaks off, and
   * with the signal's reason when the call is aborted; it never ends short.
   * @throws {RelayError} `invalid_request` when this target cannot be asked that; `target_unreachable`, `target_invalid_response` and
   * `target_timeout` when it gave no usable answer; whatever the request's body failed with.
   * @throws The signal's reason when the call is aborted.
   */
  handle(request: RelayRequest, context: TargetContext): Promise<RelayResponse>;
  /** No call follows: frees what is not in use, and what is in use as soon as it is not. Calls under way finish. */
  retire?(): void;
  /** Whether no call is under way; a target without calls of its own to end does not say. */
  readonly isIdle?: boolean;
}

/**
 * For targets that take no WebSockets.
 *
 * @throws {RelayError} `invalid_request` when one is asked for.
 */
export function refuseUpgrade({ upgrade, body }: RelayRequest): void {
  if (upgrade === undefined) return;
  const error = new RelayError("invalid_request", "Cannot open a WebSocket: targets inside the connector take none");
  if (isStreamBody(body)) body.stream.cancel(error).catch(() => {});
  throw error;
}
