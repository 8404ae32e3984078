/**
 * What is known of a relayed request when it is over, for the access log, the request log and statistics.
 *
 * @module
 */

import type { RelayErrorCode } from "../../shared/errors/relay_error.ts";

/** How requests end, as RelayServer v3 tells them apart. */
export const REQUEST_OUTCOMES = ["succeeded", "aborted", "failed", "expired", "errored"] as const;

/**
 * One of {@link REQUEST_OUTCOMES}. `succeeded`: a target or an interceptor answered to the end, with whatever status. `aborted`: the client left.
 * `expired`: there was no answer in time. `failed`: the relay refused the request, could not deliver it, or the answer broke off. `errored`: the
 * relay itself failed in a way that was not foreseen.
 */
export type RequestOutcome = typeof REQUEST_OUTCOMES[number];

/** One request, told once, after the last byte of its answer. */
export interface RelayedRequest {
  /** UUID. */
  readonly requestId: string;
  /** Of the W3C trace the client says it belongs to. */
  readonly traceId: string | undefined;
  /** UUID of the server instance. */
  readonly originId: string;
  /** UUID of the tenant; `undefined` when there is none of that name. */
  readonly tenantId: string | undefined;
  /** The tenant's name, as stored when it exists. */
  readonly tenant: string;
  readonly target: string;
  readonly method: string;
  /** What follows the target, without the query: queries carry secrets. */
  readonly path: string;
  readonly clientAddress: string;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** The status the client got, or 499 when it left before there was one. */
  readonly status: number;
  readonly outcome: RequestOutcome;
  /** Set when the relay itself answered, or when the answer did not reach its end. */
  readonly errorCode: RelayErrorCode | undefined;
  /** Why the tenant's access policy allowed or denied the request; `undefined` when none was asked. */
  readonly policyReason: string | undefined;
  /** Body of the request as the client sent it. */
  readonly requestBytes: number;
  /** Body of the request after interceptors, as it went to the target. */
  readonly relayedRequestBytes: number;
  /** Body of the response as the target sent it. */
  readonly responseBytes: number;
  /** Body of the response after interceptors, as it went to the client. */
  readonly relayedResponseBytes: number;
  /** From the start until a connection got it, the last one if there were several; `undefined` when none got it. */
  readonly waitedMs: number | undefined;
  /** On the way to the connector and back, until the head of the response; `undefined` when there was none, or nobody has measured the target. */
  readonly tunnelMs: number | undefined;
  /** At the target, until the head of its response; the way is part of it when `tunnelMs` is `undefined`. `undefined` when there was none. */
  readonly targetMs: number | undefined;
  /** How often connections got it. */
  readonly deliveries: number;
  /** UUID of the connection that brought the response. */
  readonly connectionId: string | undefined;
}

/** Hears of relayed requests. */
export interface RelayObserver {
  /** Must not throw, and must not take long. */
  requestEnded(request: RelayedRequest): void;
}

/** The outcome that an error makes, or the lack of one. */
export function outcomeOf(errorCode: RelayErrorCode | undefined): RequestOutcome {
  switch (errorCode) {
    case undefined:
      return "succeeded";
    case "client_gone":
      return "aborted";
    case "request_expired":
      return "expired";
    case "internal_error":
      return "errored";
    default:
      return "failed";
  }
}
