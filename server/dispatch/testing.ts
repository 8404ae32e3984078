/**
 * Connections that the dispatcher's tests make, answer and lose.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import type { Delivery, DeliveryOptions, TracedResponse } from "../../shared/protocol/exchange.ts";
import type { CancelReason } from "../../shared/protocol/frame.ts";
import type { Connection, LocalConnections } from "./connections.ts";

/** What targets answer. */
export const ANSWER: RelayResponse = { status: 204, headers: [], body: null };

/** A delivery that the test ends. */
export class FakeDelivery implements Delivery {
  readonly request: RelayRequest;
  readonly options: DeliveryOptions;
  readonly response: Promise<TracedResponse>;
  readonly cancelled: CancelReason[] = [];
  isAcknowledged = false;
  isRefused = false;
  isOver = false;
  readonly #settle = Promise.withResolvers<TracedResponse>();

  constructor(request: RelayRequest, options: DeliveryOptions) {
    this.request = request;
    this.options = options;
    this.response = this.#settle.promise;
  }

  answer(): void {
    this.isOver = true;
    this.#settle.resolve(ANSWER);
  }

  fail(error: RelayError): void {
    this.isOver = true;
    this.#settle.reject(error);
  }

  cancel(reason: CancelReason): void {
    this.cancelled.push(reason);
    this.fail(new RelayError("client_gone", "Cancelled"));
  }
}

/** A connection that remembers what it was given. */
export class FakeConnection implements Connection {
  readonly id = crypto.randomUUID();
  readonly connector = { version: "1", machineName: "site" };
  readonly originId = "here";
  readonly isRemote: boolean;
  readonly deliveries: FakeDelivery[] = [];
  readonly capacity: number;

  constructor(capacity: number, { isRemote = false }: { readonly isRemote?: boolean } = {}) {
    this.capacity = capacity;
    this.isRemote = isRemote;
  }

  get room(): number {
    return this.capacity - this.deliveries.filter(({ isOver }) => !isOver).length;
  }

  deliver(request: RelayRequest, options: DeliveryOptions): FakeDelivery {
    const delivery = new FakeDelivery(request, options);
    this.deliveries.push(delivery);
    return delivery;
  }
}

/** The connections of one tenant; the first with room is picked. */
export class FakeConnections implements LocalConnections {
  readonly tenantId: string;
  wasConnected = false;
  readonly #open: FakeConnection[] = [];
  readonly #listeners = new Set<(tenantId: string) => void>();

  constructor(tenantId: string) {
    this.tenantId = tenantId;
  }

  pick(tenantId: string): FakeConnection | undefined {
    return tenantId === this.tenantId ? this.#open.find(({ room }) => room > 0) : undefined;
  }

  capacity(tenantId: string): number | undefined {
    if (tenantId !== this.tenantId || this.#open.length === 0) return undefined;
    return this.#open.reduce((sum, { room }) => sum + room, 0);
  }

  wasConnectedRecently(): boolean {
    return this.wasConnected;
  }

  onChange(listener: (tenantId: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** A connector connects. */
  connect(capacity = 10): FakeConnection {
    const connection = new FakeConnection(capacity);
    this.#open.push(connection);
    this.wasConnected = true;
    this.changed();
    return connection;
  }

  /** A connection is lost, with what is under way on it. */
  lose(connection: FakeConnection): void {
    this.#open.splice(this.#open.indexOf(connection), 1);
    const lost = connection.deliveries.filter(({ isOver }) => !isOver);
    for (const delivery of lost) delivery.fail(new RelayError("connector_lost", "The connection was lost"));
    this.changed();
  }

  /** Tells that capacity has changed. */
  changed(): void {
    for (const listener of this.#listeners) listener(this.tenantId);
  }
}
