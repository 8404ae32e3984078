/**
 * Sending requests to targets for those who look after tenants.
 *
 * @module
 */

import type { HeaderLines } from "../../shared/http/message.ts";

/** What is to be sent. */
export interface SentRequest {
  readonly tenantName: string;
  readonly target: string;
  readonly method: string;
  /** What follows the target, query included, a byte string. */
  readonly path: string;
  readonly headers: HeaderLines;
  readonly body: Uint8Array | null;
  /** The value of `Host`. */
  readonly host: string;
  /** For whom it is sent; the target sees it. */
  readonly clientAddress: string;
}

/** Where the time went, in milliseconds; null for what is not known. */
export interface RequestTimes {
  /** Until it was handed to a connection. */
  readonly waitMs: number | null;
  /** Between server and connector, there and back. */
  readonly tunnelMs: number | null;
  /** Until the head of the target's answer, as the connector has measured it. */
  readonly targetMs: number | null;
  /** From the head of the answer to its end. */
  readonly bodyMs: number;
  readonly totalMs: number;
}

/** What came back. */
export interface SentAnswer {
  /** UUID. */
  readonly requestId: string;
  readonly status: number;
  readonly headers: HeaderLines;
  /** The beginning of the body, or all of it. */
  readonly body: Uint8Array;
  /** Bytes that came. */
  readonly sizeBytes: number;
  readonly isCut: boolean;
  readonly isComplete: boolean;
  /** Set when the relay itself has answered. */
  readonly errorCode: string | null;
  readonly times: RequestTimes;
  /** Who brought the answer; null when nobody did. */
  readonly connection: { readonly id: string; readonly machineName: string; readonly version: string } | null;
}

/** Sends requests the way that clients' requests go, but for authentication and access policy. */
export interface RequestSender {
  /** Never rejects for what happens to the request: that is an answer, too. */
  send(request: SentRequest, options: { readonly signal: AbortSignal }): Promise<SentAnswer>;
}
