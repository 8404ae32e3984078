/**
 * A request until the head of its response: waiting, delivered, perhaps delivered again.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { type HeaderLine, isStreamBody, type RelayRequest } from "../../shared/http/message.ts";
import type { Delivery, TracedResponse } from "../../shared/protocol/exchange.ts";
import type { CancelReason } from "../../shared/protocol/frame.ts";
import type { Connection } from "./connections.ts";
import type { Dispatch, DispatchOptions } from "./dispatcher.ts";
import { ReplayableBody } from "./replayable_body.ts";

/** Deliveries of one request at most: a request that ends every connection it meets must not go round for ever. */
const MAX_DELIVERIES = 5;

/** Times a request is sent back untouched at most, by origins that were full when it came. */
const MAX_REFUSALS = 100;

/** A response, and who brought it. */
export interface DispatchedResponse extends Omit<TracedResponse, "connection"> {
  readonly connection: Pick<Connection, "id" | "connector" | "originId">;
  /** When it was handed to the connection, by `performance.now()`; only of traced requests. */
  readonly deliveredAt?: number | undefined;
}

/** What a pending request asks of its dispatcher. */
export interface PendingRequestPort {
  /** Its connection was lost before it had the request: it wants another. */
  again(pending: PendingRequest): void;
  /** It is answered, failed or cancelled. */
  settled(pending: PendingRequest): void;
}

/** One request under way. */
export class PendingRequest implements Dispatch {
  readonly tenantId: string;
  readonly request: RelayRequest;
  readonly options: DispatchOptions;
  readonly response: Promise<DispatchedResponse>;
  readonly #port: PendingRequestPort;
  readonly #settle = Promise.withResolvers<DispatchedResponse>();
  #delivery: Delivery | undefined;
  #deliveries = 0;
  #refusals = 0;
  #body: ReplayableBody | undefined;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #isSettled = false;

  constructor(tenantId: string, request: RelayRequest, options: DispatchOptions, port: PendingRequestPort) {
    this.tenantId = tenantId;
    this.request = request;
    this.options = options;
    this.#port = port;
    this.response = this.#settle.promise;
    this.response.catch(() => {});
  }

  /** Whether the connection it was handed to last had no room for it after all. */
  get wasRefused(): boolean {
    return this.#delivery?.isRefused === true;
  }

  get deliveries(): number {
    return this.#deliveries;
  }

  /** Hands the request over to a connection. */
  deliver(connection: Connection): void {
    if (this.#isSettled) return;
    clearTimeout(this.#graceTimer);
    this.#deliveries++;
    const { trace, expiresInMs, isSettledByHandover, attempt, handover } = this.options;
    const acknowledge = isSettledByHandover !== true;
    const deliveredAt = trace ? performance.now() : undefined;
    const delivery = this.#delivery = connection.deliver(
      this.#present(connection),
      attempt === undefined
        ? { acknowledge, trace, expiresInMs }
        : { acknowledge, trace, expiresInMs, onAcknowledged: attempt.acknowledged },
    );
    attempt?.delivered(connection);
    handover?.handedOver(this.#deliveries);
    delivery.response.then(
      (response) =>
        this.#finish(() =>
          this.#settle.resolve({ ...response, connection: servedBy(response, connection), deliveredAt })
        ),
      (error) => this.#failed(delivery, error),
    );
  }

  /** Calls back after `graceMs`, unless the request was delivered or settled by then. */
  setGrace(graceMs: number, expired: () => void): void {
    clearTimeout(this.#graceTimer);
    this.#graceTimer = setTimeout(expired, graceMs);
  }

  /** Takes {@linkcode setGrace} back. */
  clearGrace(): void {
    clearTimeout(this.#graceTimer);
  }

  /** Ends the request with an error. Idempotent. */
  fail(error: unknown): void {
    this.#finish(() => {
      this.#settle.reject(error);
      // Between two attempts nobody else ends it. One that has failed cannot be cancelled.
      this.#body?.cancel(error).catch(() => {});
    });
  }

  cancel(reason: CancelReason): void {
    const expired = reason === "expired";
    this.fail(
      new RelayError(
        expired ? "request_expired" : "client_gone",
        expired ? "The target did not answer in time" : "The client has left",
      ),
    );
    this.#delivery?.cancel(reason);
  }

  /** The request as the target is to see it this time. */
  #present(connection: Connection): RelayRequest {
    const request = this.#withBody(connection);
    const repeats = this.#deliveries - 1 + (this.options.attempt?.repeats() ?? 0);
    if (repeats === 0) return request;
    const headers: HeaderLine[] = [...request.headers, ["RelayServer-Redelivered", String(repeats)]];
    return { ...request, headers };
  }

  /** Another origin may have no room by the time it sees the request, and the body on its way. */
  #withBody({ isRemote }: Connection): RelayRequest {
    const { body } = this.request;
    if (!isStreamBody(body) || (!isRemote && this.#body === undefined)) return this.request;
    this.#body ??= new ReplayableBody(body);
    return { ...this.request, body: this.#body.attempt(() => this.wasRefused) };
  }

  #failed(delivery: Delivery, error: unknown): void {
    if (this.#isSettled) return;
    const isWhole = !isStreamBody(this.request.body) || this.#body?.isRepeatable === true;
    if (delivery.isRefused && isWhole && this.#refusals++ < MAX_REFUSALS) {
      this.#deliveries--;
      return this.#port.again(this);
    }
    const isLost = error instanceof RelayError && error.code === "connector_lost";
    const mayRepeat = isLost && this.#isUnsettled(delivery) && !isStreamBody(this.request.body);
    if (mayRepeat && this.#deliveries < MAX_DELIVERIES) return this.#port.again(this);
    this.fail(error);
  }

  #isUnsettled({ isAcknowledged }: Delivery): boolean {
    const { isSettledByHandover, attempt } = this.options;
    return !isAcknowledged && attempt === undefined && isSettledByHandover !== true;
  }

  #finish(settle: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#graceTimer);
    settle();
    this.#port.settled(this);
  }
}

/** Another origin says which of its connections brought the response. */
function servedBy({ connection: remote }: TracedResponse, connection: Connection): DispatchedResponse["connection"] {
  if (remote === undefined || !connection.isRemote) return connection;
  const { id, machineName, version } = remote;
  return { id, connector: { machineName, version }, originId: connection.originId };
}
