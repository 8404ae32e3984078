/**
 * Picks who serves a request: a connection at this origin, or whoever takes it from the tenant's queue.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayRequest } from "../../shared/http/message.ts";
import type { CancelReason } from "../../shared/protocol/frame.ts";
import type { Consumption, QueuedRequest, ServerTransport } from "../transport/transport.ts";
import type { LocalConnections } from "./connections.ts";
import { type DispatchedResponse, PendingRequest } from "./pending_request.ts";

/** How a request is to be dispatched. */
export interface DispatchOptions {
  /** Whether to ask the connector when the target was called and how long it took. */
  readonly trace: boolean;
  /** Milliseconds until nobody waits any more; told to the connector. */
  readonly expiresInMs: number;
  /** Whether to answer at once when nobody is connected, instead of waiting until the request expires. */
  readonly requireActiveConnection: boolean;
}

/** A request under way. */
export interface Dispatch {
  /**
   * The target's response. Rejects with a `RelayError`: `connector_unavailable`, `connector_lost`, `queue_full`, what the connector said, or
   * what it was cancelled with.
   */
  readonly response: Promise<DispatchedResponse>;
  /** Gives up. Idempotent. */
  cancel(reason: CancelReason): void;
}

/** How a {@link Dispatcher} waits. */
export interface DispatcherOptions {
  /** How long a request waits for a tenant that was connected within the last minute, in milliseconds. */
  readonly connectionGraceMs: number;
}

/** Brings requests to connections. */
export class Dispatcher implements Disposable {
  readonly #connections: LocalConnections;
  readonly #transport: ServerTransport;
  readonly #options: DispatcherOptions;
  readonly #registration: Disposable;
  readonly #consumptions = new Map<string, Consumption>();
  /** Requests that wait in a queue, by their ids. */
  readonly #waiting = new Map<string, PendingRequest>();

  constructor(connections: LocalConnections, transport: ServerTransport, options: DispatcherOptions) {
    this.#connections = connections;
    this.#transport = transport;
    this.#options = options;
    this.#registration = connections.onChange((tenantId) => this.#capacityChanged(tenantId));
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Sends a request on its way. */
  dispatch(tenantId: string, request: RelayRequest, options: DispatchOptions): Dispatch {
    const pending = new PendingRequest(tenantId, request, options, {
      again: (pending) => this.#route(pending),
      settled: (pending) => this.#withdraw(pending),
    });
    this.#route(pending);
    return pending;
  }

  [Symbol.dispose](): void {
    this.#registration[Symbol.dispose]();
    for (const consumption of this.#consumptions.values()) consumption[Symbol.dispose]();
    this.#consumptions.clear();
    for (const pending of [...this.#waiting.values()]) {
      pending.fail(new RelayError("draining", "The server stops", { retryAfterSeconds: 1 }));
    }
  }

  #route(pending: PendingRequest): void {
    const { tenantId } = pending;
    const connection = this.#connections.pick(tenantId);
    if (connection !== undefined) return pending.deliver(connection);
    if (this.#connections.capacity(tenantId) === undefined && pending.options.requireActiveConnection) {
      if (!this.#connections.wasConnectedRecently(tenantId)) return pending.fail(unavailable());
      this.#giveGrace(pending);
    }
    const { requestId } = pending.request;
    this.#waiting.set(requestId, pending);
    this.#transport.publish(tenantId, { requestId }).catch((error) => pending.fail(error));
  }

  #withdraw({ tenantId, request: { requestId } }: PendingRequest): void {
    if (this.#waiting.delete(requestId)) this.#transport.withdraw(tenantId, { requestId });
  }

  #take(tenantId: string, { requestId }: QueuedRequest): boolean {
    const pending = this.#waiting.get(requestId);
    if (pending === undefined) return true;
    const connection = this.#connections.pick(tenantId);
    if (connection === undefined) return false;
    this.#waiting.delete(requestId);
    pending.deliver(connection);
    return true;
  }

  #giveGrace(pending: PendingRequest): void {
    pending.setGrace(this.#options.connectionGraceMs, () => {
      if (this.#connections.capacity(pending.tenantId) === undefined) pending.fail(unavailable());
    });
  }

  #capacityChanged(tenantId: string): void {
    const capacity = this.#connections.capacity(tenantId);
    let consumption = this.#consumptions.get(tenantId);
    if (capacity === undefined) {
      if (consumption === undefined) return;
      consumption[Symbol.dispose]();
      this.#consumptions.delete(tenantId);
      for (const pending of this.#waiting.values()) {
        if (pending.tenantId === tenantId && pending.options.requireActiveConnection) this.#giveGrace(pending);
      }
      return;
    }
    if (consumption === undefined) {
      consumption = this.#transport.consume(tenantId, (request) => this.#take(tenantId, request));
      this.#consumptions.set(tenantId, consumption);
    }
    consumption.setCapacity(capacity);
  }
}

function unavailable(): RelayError {
  return new RelayError("connector_unavailable", "No connector of this tenant is connected", { retryAfterSeconds: 5 });
}
