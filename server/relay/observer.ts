/**
 * What is known of a relayed request when it is over, for the access log and for statistics.
 *
 * @module
 */

import type { RelayErrorCode } from "../../shared/errors/relay_error.ts";

/** One request, told once, after the last byte of its answer. */
export interface RelayedRequest {
  /** UUID. */
  readonly requestId: string;
  /** The tenant's name, as stored when it exists. */
  readonly tenant: string;
  readonly target: string;
  readonly method: string;
  /** What follows the target, without the query: queries carry secrets. */
  readonly path: string;
  readonly clientAddress: string;
  /** The status the client got, or 499 when it left before there was one. */
  readonly status: number;
  /** Set when the relay itself answered, or when the answer did not reach its end. */
  readonly errorCode: RelayErrorCode | undefined;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly durationMs: number;
  /** UUID of the connection that brought the response. */
  readonly connectionId: string | undefined;
}

/** Hears of relayed requests. */
export interface RelayObserver {
  /** Must not throw, and must not take long. */
  requestEnded(request: RelayedRequest): void;
}
