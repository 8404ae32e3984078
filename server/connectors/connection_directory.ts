/**
 * The connections as management shows and ends them: those of this origin, and what the other origins say of theirs.
 *
 * @module
 */

import type { ConnectionRegistry } from "./registry.ts";

/** How long the requests of a connection that is to end may go on. */
const GRACE_MS = 5_000;

/** A connection as it is shown; plain data, so that it can be told to other origins. */
export interface ListedConnection {
  readonly id: string;
  readonly tenantId: string;
  readonly originId: string;
  readonly peerAddress: string;
  readonly connectedAt: number;
  readonly machineName: string;
  readonly version: string;
  readonly targets: readonly string[];
  readonly inFlight: number;
  readonly capacity: number;
}

/** The connections at other origins. */
export interface ConnectionsElsewhere {
  count(tenantId: string): number;
  /** As their origins say, as far as they answer. */
  list(tenantId: string): Promise<readonly ListedConnection[]>;
  /** Ends a connection wherever it is; false when nobody who answers has it. */
  disconnect(tenantId: string, connectionId: string): Promise<boolean>;
}

/** Lists and ends connections. */
export class ConnectionDirectory {
  readonly #registry: ConnectionRegistry;
  readonly #originId: string;
  readonly #elsewhere: ConnectionsElsewhere | undefined;

  /** @param options `elsewhere` is absent where there are no other origins. */
  constructor(
    registry: ConnectionRegistry,
    options: { readonly originId: string; readonly elsewhere?: ConnectionsElsewhere | undefined },
  ) {
    this.#registry = registry;
    this.#originId = options.originId;
    this.#elsewhere = options.elsewhere;
  }

  /** The connections of a tenant at all origins, oldest first. */
  async list(tenantId: string): Promise<readonly ListedConnection[]> {
    const elsewhere = await this.#elsewhere?.list(tenantId) ?? [];
    return [...this.listHere(tenantId), ...elsewhere].sort((one, other) => one.connectedAt - other.connectedAt);
  }

  /** The connections of a tenant at this origin, oldest first. */
  listHere(tenantId: string): readonly ListedConnection[] {
    return Array.from(this.#registry.list(tenantId), ({ facts, inFlight, capacity, roundTripMs }) => ({
      id: facts.id,
      tenantId: facts.tenantId,
      originId: this.#originId,
      peerAddress: facts.peerAddress,
      connectedAt: facts.connectedAt,
      machineName: facts.connector.machineName,
      version: facts.connector.version,
      targets: facts.targets,
      unhealthyTargets: facts.unhealthyTargets ?? [],
      roundTripMs,
      inFlight,
      capacity,
    }));
  }

  /** How many connections a tenant has. */
  count(tenantId: string): number {
    let count = 0;
    for (const _connection of this.#registry.list(tenantId)) count++;
    return count + (this.#elsewhere?.count(tenantId) ?? 0);
  }

  /** Measures how long a message to a connector takes there and back; `undefined` when nothing came back in time. */
  async ping(
    tenantId: string,
    connectionId: string,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<number | undefined> {
    for (const connection of this.#registry.list(tenantId)) {
      if (connection.id === connectionId) return await connection.ping({ timeoutMs });
    }
    return undefined;
  }

  /** The tenants that are connected. */
  tenantIds(): Iterable<string> {
    return this.#registry.tenantIds();
  }

  /** Ends a connection of a tenant, in a few seconds where requests are under way; false when it has no such connection. */
  async disconnect(tenantId: string, connectionId: string): Promise<boolean> {
    if (this.disconnectHere(tenantId, connectionId)) return true;
    return await this.#elsewhere?.disconnect(tenantId, connectionId) ?? false;
  }

  /** Ends a connection at this origin; false when it is not here. */
  disconnectHere(tenantId: string, connectionId: string): boolean {
    return this.#registry.disconnect(tenantId, connectionId, { withinMs: GRACE_MS });
  }
}
