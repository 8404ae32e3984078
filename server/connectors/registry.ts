/**
 * All connections at this origin.
 *
 * @module
 */

import type { GoAwayReason, Reconnect } from "../../shared/protocol/frame.ts";
import type { LocalConnections } from "../dispatch/connections.ts";
import type { ConnectorConnection } from "./connection.ts";

/** How long a tenant counts as recently connected, in milliseconds. */
const RECENT_MS = 60_000;

/** A tenant's first connection came, or its last one went. */
export interface PresenceChange {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly isOnline: boolean;
}

/** Knows who is connected, and who has room. */
export class ConnectionRegistry implements LocalConnections {
  readonly #byTenant = new Map<string, ConnectorConnection[]>();
  /** When a tenant's last connection was lost; entries older than a minute are swept. */
  readonly #lostAtMs = new Map<string, number>();
  readonly #listeners = new Set<(tenantId: string) => void>();
  readonly #presenceListeners = new Set<(change: PresenceChange) => void>();
  #size = 0;
  #turn = 0;

  /** Connections at this origin. */
  get size(): number {
    return this.#size;
  }

  /** The connections of a tenant, or all. */
  *list(tenantId?: string): IteratorObject<ConnectorConnection, undefined> {
    if (tenantId !== undefined) return yield* this.#byTenant.get(tenantId) ?? [];
    for (const connections of this.#byTenant.values()) yield* connections;
  }

  /** The tenants that are connected here. */
  tenantIds(): Iterable<string> {
    return this.#byTenant.keys();
  }

  /** The connection with that id, if it is here. */
  find(id: string): ConnectorConnection | undefined {
    return this.list().find((connection) => connection.id === id);
  }

  /**
   * Has a connection of a tenant end because an operator wants it; its connector may come back after a while.
   *
   * @param options How long its requests may go on, in milliseconds.
   * @returns Whether the tenant has that connection here.
   */
  disconnect(tenantId: string, id: string, { withinMs }: { readonly withinMs: number }): boolean {
    const connection = this.list(tenantId).find((connection) => connection.id === id);
    if (connection === undefined) return false;
    connection.dismiss({ reason: "disconnected", reconnect: "later", withinMs });
    this.changed(tenantId);
    return true;
  }

  /** Open connections of a tenant. */
  count(tenantId: string): number {
    let count = 0;
    for (const connection of this.#byTenant.get(tenantId) ?? []) if (connection.isOpen) count++;
    return count;
  }

  /** Adds a connection; dispose when it has ended. */
  add(connection: ConnectorConnection): Disposable {
    const { tenantId } = connection.facts;
    let connections = this.#byTenant.get(tenantId);
    if (connections === undefined) this.#byTenant.set(tenantId, connections = []);
    connections.push(connection);
    this.#size++;
    if (connections.length === 1) this.#tellPresence(connection, true);
    this.changed(tenantId);
    return { [Symbol.dispose]: () => this.#remove(connection) };
  }

  /** A connection of this tenant has more room, or less, than before. */
  changed(tenantId: string): void {
    for (const listener of this.#listeners) listener(tenantId);
  }

  pick(tenantId: string): ConnectorConnection | undefined {
    const connections = this.#byTenant.get(tenantId);
    if (connections === undefined) return undefined;
    // Among equals the first found wins, so the search starts somewhere else each time.
    const start = this.#turn++;
    let best: ConnectorConnection | undefined;
    for (let index = 0; index < connections.length; index++) {
      const connection = connections[(start + index) % connections.length]!;
      if (connection.room > 0 && (best === undefined || connection.inFlight < best.inFlight)) best = connection;
    }
    return best;
  }

  capacity(tenantId: string): number | undefined {
    let capacity: number | undefined;
    for (const connection of this.#byTenant.get(tenantId) ?? []) {
      if (connection.isOpen) capacity = (capacity ?? 0) + connection.room;
    }
    return capacity;
  }

  wasConnectedRecently(tenantId: string): boolean {
    if (this.capacity(tenantId) !== undefined) return true;
    const lostAtMs = this.#lostAtMs.get(tenantId);
    // Connections that are closing stand in the registry until they are closed.
    return this.#byTenant.has(tenantId) || (lostAtMs !== undefined && performance.now() - lostAtMs < RECENT_MS);
  }

  onChange(listener: (tenantId: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Hears when a tenant's first connection at this origin has come, and when its last one has gone. */
  onPresence(listener: (change: PresenceChange) => void): Disposable {
    this.#presenceListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#presenceListeners.delete(listener) };
  }

  /** Drains every connection. */
  drainAll(reason: GoAwayReason, reconnect: Reconnect): void {
    for (const connection of [...this.list()]) connection.drain(reason, reconnect);
  }

  #remove(connection: ConnectorConnection): void {
    const { tenantId } = connection.facts;
    const connections = this.#byTenant.get(tenantId);
    const index = connections?.indexOf(connection) ?? -1;
    if (connections === undefined || index === -1) return;
    connections.splice(index, 1);
    this.#size--;
    if (connections.length === 0) {
      this.#byTenant.delete(tenantId);
      this.#sweep();
      // Anew, so that the oldest stands first.
      this.#lostAtMs.delete(tenantId);
      this.#lostAtMs.set(tenantId, performance.now());
      this.#tellPresence(connection, false);
    }
    this.changed(tenantId);
  }

  #tellPresence({ facts: { tenantId, tenantName } }: ConnectorConnection, isOnline: boolean): void {
    for (const listener of this.#presenceListeners) listener({ tenantId, tenantName, isOnline });
  }

  #sweep(): void {
    const oldestMs = performance.now() - RECENT_MS;
    for (const [tenantId, lostAtMs] of this.#lostAtMs) {
      if (lostAtMs >= oldestMs) return;
      this.#lostAtMs.delete(tenantId);
    }
  }
}
