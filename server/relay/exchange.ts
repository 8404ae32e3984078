/**
 * What becomes known of one request while it is relayed.
 *
 * @module
 */

import type { RelayError } from "../../shared/errors/relay_error.ts";
import type { Hop } from "../interceptors/mod.ts";
import { isStreamBody } from "../../shared/http/message.ts";
import type { HandoverListener } from "../dispatch/dispatcher.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import type { Tenant } from "../persistence/tenants.ts";
import type { RelayAddress } from "./address.ts";
import { clientAddress, type IsTrustedProxy } from "./forwarded.ts";
import { outcomeOf, type RelayedRequest } from "./observer.ts";
import { newRequestId } from "./request_id.ts";
import type { ExchangeTap } from "./tap.ts";
import { traceIdOf } from "./trace_context.ts";

/** What an {@link Exchange} knows of its server. */
export interface ExchangeOptions {
  readonly originId: string;
  /** Scheme of the public listener. */
  readonly scheme: "http" | "https";
  readonly isTrustedProxy: IsTrustedProxy;
}

/** One request and its answer. */
export class Exchange implements HandoverListener {
  readonly #startedAtMs = Date.now();
  readonly requestId: string = newRequestId(this.#startedAtMs);
  readonly request: ListenerRequest;
  address: RelayAddress | undefined;
  tenant: Tenant | undefined;
  policyReason: string | undefined;
  /** Set when somebody wants to see the messages. */
  tap: ExchangeTap | undefined;
  connectionId: string | undefined;
  /** Whether it has come as far as dispatch. */
  isPrepared = false;
  /** Its delivery, where somebody else answers the client: the request is under way until both are over. Never rejects. */
  unanswered: Promise<void> | undefined;
  requestBytes = 0;
  /** What the target got, when interceptors have changed the body. */
  relayedRequestBytes: number | undefined;
  /** What the target sent, when interceptors have seen the body. */
  responseBytes: number | undefined;
  relayedResponseBytes = 0;
  readonly #startedAt = performance.now();
  #deliveries = 0;
  /** By `performance.now()`, like all here that end so. */
  #handedOverAt: number | undefined;
  #headAt: number | undefined;
  #isAnswered = false;
  /** As the connector has measured it. */
  #targetMs: number | undefined;
  readonly #options: ExchangeOptions;
  #clientAddress: string | undefined;

  constructor(request: ListenerRequest, options: ExchangeOptions) {
    this.request = request;
    this.#options = options;
  }

  /** The client's address, as far as proxies are believed. */
  get clientAddress(): string {
    const { headers, peerAddress } = this.request;
    return this.#clientAddress ??= clientAddress(headers, peerAddress, this.#options.isTrustedProxy);
  }

  /** How the request reached this server. */
  get hop(): Hop {
    const { peerAddress, host } = this.request;
    return { peerAddress, host, scheme: this.#options.scheme };
  }

  handedOver(deliveries: number): void {
    this.#deliveries = deliveries;
    this.#handedOverAt = performance.now();
  }

  /**
   * The head of the target's response is here.
   *
   * @param response Which connection brought it, and how long the connector waited for it. While its body is still on its way the clock is read
   * now, otherwise the end is at hand, and the clock is read then.
   */
  answered({ connection, body, targetMs }: Pick<DispatchedResponse, "connection" | "body" | "targetMs">): void {
    this.connectionId = connection.id;
    this.#isAnswered = true;
    this.#targetMs = targetMs;
    if (isStreamBody(body)) this.#headAt = performance.now();
  }

  /**
   * What there is to tell when it is over.
   *
   * @param status What the client got.
   */
  record(status: number, error: RelayError | undefined): RelayedRequest {
    const path = this.address?.path ?? "";
    const queryAt = path.indexOf("?");
    const endedAt = performance.now();
    const handedOverAt = this.#handedOverAt;
    const answeredMs = handedOverAt && this.#isAnswered ? (this.#headAt ?? endedAt) - handedOverAt : undefined;
    const targetMs = answeredMs === undefined ? undefined : Math.min(this.#targetMs ?? Infinity, answeredMs);
    return {
      requestId: this.requestId,
      traceId: traceIdOf(this.request.headers),
      originId: this.#options.originId,
      tenantId: this.tenant?.id,
      tenant: this.tenant?.name ?? this.address?.tenant ?? "",
      target: this.address?.target ?? "",
      method: this.request.method,
      path: queryAt === -1 ? path : path.slice(0, queryAt),
      clientAddress: this.clientAddress,
      startedAtMs: this.#startedAtMs,
      durationMs: toHundredth(endedAt - this.#startedAt),
      status,
      outcome: outcomeOf(error?.code),
      errorCode: error?.code,
      policyReason: this.policyReason,
      requestBytes: this.requestBytes,
      relayedRequestBytes: this.relayedRequestBytes ?? this.requestBytes,
      responseBytes: this.responseBytes ?? this.relayedResponseBytes,
      relayedResponseBytes: this.relayedResponseBytes,
      waitedMs: handedOverAt && toHundredth(handedOverAt - this.#startedAt),
      tunnelMs: answeredMs === undefined || this.#targetMs === undefined
        ? undefined
        : toHundredth(answeredMs - (targetMs ?? 0)),
      targetMs: targetMs && toHundredth(targetMs),
      deliveries: this.#deliveries,
      connectionId: this.connectionId,
    };
  }
}

/** Clocks are no more exact, and people read it. */
function toHundredth(durationMs: number): number {
  return Math.round(durationMs * 100) / 100;
}
