/**
 * Picks who serves a request: a connection at this origin, one at another, or whoever takes it from the tenant's queue.
 *
 * @module
 */

import { RefusedError } from "../../shared/errors/refused_error.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayRequest } from "../../shared/http/message.ts";
import type { IncomingRequest, TracedResponse } from "../../shared/protocol/exchange.ts";
import type { CancelReason } from "../../shared/protocol/frame.ts";
import type { Consumption, QueuedRequest, Settlement, TenantQueues } from "../transport/transport.ts";
import type { Connection, LocalConnections } from "./connections.ts";
import { type DispatchedResponse, PendingRequest } from "./pending_request.ts";
import { NO_REMOTE_CONNECTIONS, type RemoteConnections } from "./remote_connections.ts";
import { serveLocally } from "./serve_locally.ts";

/** How a request is to be dispatched. */
export interface DispatchOptions {
  /** Whether to ask the connector when the target was called and how long it took. */
  readonly trace: boolean;
  /** Milliseconds until nobody waits any more; told to the connector. */
  readonly expiresInMs: number;
  /** Whether to answer at once when nobody is connected, instead of waiting until the request expires. */
  readonly requireActiveConnection: boolean;
  /** Whether it is settled when it was handed over, so that nobody has to hear of its receipt and it is never repeated. */
  readonly isSettledByHandover?: boolean;
  /** Told of every delivery. */
  readonly handover?: HandoverListener | undefined;
  /** Set when somebody else decides about repeats: there is one delivery at most. */
  readonly attempt?: Attempt;
}

/** Hears when a request is handed over. Must not throw. */
export interface HandoverListener {
  /** @param deliveries How often it was by now, what came back untouched left out. */
  handedOver(deliveries: number): void;
}

/** Follows the one delivery of a request. Must not throw. */
export interface Attempt {
  /** Deliveries that there may have been before this dispatch; asked when it is handed over. */
  repeats(): number;
  /** It was handed over, though it may come back untouched: from another origin (`isRemote`) because no connection has room there. */
  delivered(connection: Pick<Connection, "isRemote">): void;
  /** The connector has all of it. */
  acknowledged(): void;
}

/** A request under way. */
export interface Dispatch {
  /**
   * The target's response. Rejects with a `RelayError`: `connector_unavailable`, `connector_lost`, `queue_full`, `transport_unavailable`, what
   * the connector said, or what it was cancelled with.
   */
  readonly response: Promise<DispatchedResponse>;
  /** How often it was handed over, what came back untouched left out. */
  readonly deliveries: number;
  /** Gives up. Idempotent. */
  cancel(reason: CancelReason): void;
}

/** What a {@link Dispatcher} works with. */
export interface DispatcherParts {
  readonly connections: LocalConnections;
  /** Unless given there is no other origin. */
  readonly remote?: RemoteConnections;
  readonly queues: TenantQueues;
}

/** How a {@link Dispatcher} works. */
export interface DispatcherOptions {
  /** UUID of this origin. */
  readonly originId: string;
  /** How long a request waits for a tenant that was connected within the last minute, in milliseconds. */
  readonly connectionGraceMs: number;
  /** Whether a request goes straight to a connection at this origin, instead of by the server transport; true unless given. */
  readonly connectorTransportShortcut?: boolean;
  /** Called when a ticket says that a stored request of a tenant waits, which any origin may take. */
  readonly storedRequestWaits?: (tenantId: string) => void;
}

/** Brings requests to connections. */
export class Dispatcher implements Disposable {
  readonly #connections: LocalConnections;
  readonly #remote: RemoteConnections;
  readonly #queues: TenantQueues;
  readonly #options: DispatcherOptions;
  readonly #registrations: readonly Disposable[];
  readonly #consumptions = new Map<string, Consumption>();
  /** Requests of this origin that wait in a queue, by their ids. */
  readonly #waiting = new Map<string, PendingRequest>();
  /** Requests that other origins were asked for and that will need room soon, by tenant. */
  readonly #pulling = new Map<string, number>();
  #isStopped = false;

  constructor({ connections, remote = NO_REMOTE_CONNECTIONS, queues }: DispatcherParts, options: DispatcherOptions) {
    this.#connections = connections;
    this.#remote = remote;
    this.#queues = queues;
    this.#options = options;
    this.#registrations = [
      connections.onChange((tenantId) => this.#capacityChanged(tenantId)),
      remote.onChange((tenantId) => this.#presenceChanged(tenantId)),
      remote.onReachable(() => this.#reachableChanged()),
    ];
  }

  /** Requests of this origin that wait for a connection. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether there is somebody who could serve a tenant's requests, or was a moment ago. */
  isReachable(tenantId: string): boolean {
    return this.#isConnected(tenantId) || this.#connections.wasConnectedRecently(tenantId) ||
      this.#remote.wasConnectedRecently(tenantId);
  }

  /** Whether another origin has a connection of a tenant. */
  isConnectedElsewhere(tenantId: string): boolean {
    return this.#remote.isConnected(tenantId);
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

  /**
   * Serves a request of another origin on a connection here.
   *
   * @throws {RefusedError} when no connection has room: the request was not touched.
   */
  serve(request: IncomingRequest): Promise<TracedResponse> {
    const connection = this.#connections.pick(request.tenantId ?? "");
    if (connection === undefined) throw new RefusedError("No connection of this tenant has room here");
    return serveLocally(request, connection);
  }

  /**
   * Sends a request that waits here to an origin that has room for it.
   *
   * @returns Whether it was still waiting.
   */
  offer(requestId: string, originId: string): boolean {
    const pending = this.#waiting.get(requestId);
    if (pending === undefined) return false;
    this.#withdraw(pending);
    pending.deliver(this.#remote.through(originId, pending.tenantId));
    return true;
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    for (const registration of this.#registrations) registration[Symbol.dispose]();
    for (const consumption of this.#consumptions.values()) consumption[Symbol.dispose]();
    this.#consumptions.clear();
    for (const pending of [...this.#waiting.values()]) {
      pending.fail(draining());
    }
  }

  #route(pending: PendingRequest): void {
    const connection = this.#pick(pending);
    if (connection !== undefined) return pending.deliver(connection);
    if (this.#isStopped) return pending.fail(draining());
    const { tenantId, request: { requestId }, options } = pending;
    if (!this.#limitWait(pending)) return;
    this.#waiting.set(requestId, pending);
    const ticket = { requestId, originId: this.#options.originId, expiresInMs: options.expiresInMs };
    this.#queues.publish(tenantId, ticket).catch((error) => pending.fail(error));
  }

  /** Whoever has sent a request back untouched was full: it then waits in the queue for who has room. */
  #pick({ tenantId, wasRefused }: PendingRequest): Connection | undefined {
    const { connectorTransportShortcut = true } = this.#options;
    if (!connectorTransportShortcut && this.#remote.isReachable) {
      return wasRefused ? undefined : this.#remote.pick(tenantId);
    }
    const local = this.#connections.pick(tenantId);
    if (local !== undefined || wasRefused || this.#connections.capacity(tenantId) !== undefined) return local;
    return this.#remote.pick(tenantId);
  }

  /**
   * Waits no longer than a grace for what is not there: a connection, or the way to it.
   *
   * @returns False when there is nothing to wait for.
   */
  #limitWait(pending: PendingRequest): boolean {
    const { tenantId, options } = pending;
    pending.clearGrace();
    if (!options.requireActiveConnection || this.#connections.capacity(tenantId) !== undefined) return true;
    const isConnected = this.#remote.isConnected(tenantId);
    if (isConnected && this.#remote.isReachable) return true;
    const wasConnected = this.isReachable(tenantId);
    if (wasConnected) this.#giveGrace(pending);
    else pending.fail(unavailable());
    return wasConnected;
  }

  #isConnected(tenantId: string): boolean {
    return this.#connections.capacity(tenantId) !== undefined || this.#remote.isConnected(tenantId);
  }

  #withdraw({ tenantId, request: { requestId } }: PendingRequest): void {
    // Most never wait.
    if (this.#waiting.size > 0 && this.#waiting.delete(requestId)) this.#queues.withdraw(tenantId, { requestId });
  }

  #take(tenantId: string, ticket: QueuedRequest, settlement: Settlement): boolean {
    const { requestId, originId } = ticket;
    if (originId === undefined) {
      settlement.done();
      this.#options.storedRequestWaits?.(tenantId);
      return true;
    }
    if (originId !== this.#options.originId) {
      if (this.#room(tenantId) <= 0) return false;
      void this.#pull(tenantId, { requestId, originId }, settlement);
      return true;
    }
    const pending = this.#waiting.get(requestId);
    const connection = pending && this.#connections.pick(tenantId);
    if (pending !== undefined && connection === undefined) return false;
    settlement.done();
    if (pending === undefined || connection === undefined) return true;
    this.#withdraw(pending);
    pending.deliver(connection);
    return true;
  }

  async #pull(
    tenantId: string,
    { requestId, originId }: { requestId: string; originId: string },
    settlement: Settlement,
  ): Promise<void> {
    this.#pulling.set(tenantId, (this.#pulling.get(tenantId) ?? 0) + 1);
    try {
      await this.#remote.pull(originId, tenantId, requestId);
      settlement.done();
    } catch {
      settlement.again();
    } finally {
      const left = this.#pulling.get(tenantId)! - 1;
      if (left === 0) this.#pulling.delete(tenantId);
      else this.#pulling.set(tenantId, left);
      this.#capacityChanged(tenantId);
    }
  }

  #room(tenantId: string): number {
    return (this.#connections.capacity(tenantId) ?? 0) - (this.#pulling.get(tenantId) ?? 0);
  }

  #giveGrace(pending: PendingRequest): void {
    pending.setGrace(this.#options.connectionGraceMs, () => {
      if (this.#connections.capacity(pending.tenantId) !== undefined) return;
      if (!this.#remote.isReachable) pending.fail(unreachable());
      else if (!this.#remote.isConnected(pending.tenantId)) pending.fail(unavailable());
    });
  }

  #graceForWaiting(tenantId: string): void {
    for (const pending of this.#waiting.values()) {
      if (pending.tenantId === tenantId && pending.options.requireActiveConnection) this.#giveGrace(pending);
    }
  }

  #presenceChanged(tenantId: string): void {
    if (!this.#isConnected(tenantId)) this.#graceForWaiting(tenantId);
  }

  #reachableChanged(): void {
    for (const pending of [...this.#waiting.values()]) this.#limitWait(pending);
    for (const tenantId of this.#consumptions.keys()) this.#serveWaiting(tenantId);
  }

  /** Without the server transport nobody hands tickets out: what waits here is served here. */
  #serveWaiting(tenantId: string): void {
    if (this.#remote.isReachable) return;
    for (const pending of this.#waiting.values()) {
      if (pending.tenantId !== tenantId) continue;
      const connection = this.#connections.pick(tenantId);
      if (connection === undefined) return;
      this.#withdraw(pending);
      pending.deliver(connection);
    }
  }

  #capacityChanged(tenantId: string): void {
    let consumption = this.#consumptions.get(tenantId);
    if (this.#connections.capacity(tenantId) === undefined) {
      if (consumption === undefined) return;
      consumption[Symbol.dispose]();
      this.#consumptions.delete(tenantId);
      if (!this.#remote.isConnected(tenantId) || !this.#remote.isReachable) this.#graceForWaiting(tenantId);
      return;
    }
    if (consumption === undefined) {
      consumption = this.#queues.consume(
        tenantId,
        (ticket, settlement) => this.#take(tenantId, ticket, settlement),
      );
      this.#consumptions.set(tenantId, consumption);
    }
    consumption.setCapacity(this.#room(tenantId));
    this.#serveWaiting(tenantId);
  }
}

function unavailable(): RelayError {
  return new RelayError("connector_unavailable", "No connector of this tenant is connected", { retryAfterSeconds: 5 });
}

function draining(): RelayError {
  return new RelayError("draining", "The server stops", { retryAfterSeconds: 1 });
}

function unreachable(): RelayError {
  return new RelayError("transport_unavailable", "The other servers cannot be reached at present", {
    retryAfterSeconds: 5,
  });
}
