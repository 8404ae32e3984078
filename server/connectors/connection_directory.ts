/**
 * The connections at this origin, as management shows and ends them.
 *
 * @module
 */

import type { ConnectionRegistry } from "./registry.ts";

/** How long the requests of a connection that is to end may go on. */
const GRACE_MS = 5_000;

/** Lists and ends connections. */
export class ConnectionDirectory {
  readonly #registry: ConnectionRegistry;
  readonly #originId: string;

  constructor(registry: ConnectionRegistry, originId: string) {
    this.#registry = registry;
    this.#originId = originId;
  }

  /** The connections of a tenant, oldest first. */
  list(tenantId: string) {
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
    return count;
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
  disconnect(tenantId: string, connectionId: string): boolean {
    return this.#registry.disconnect(tenantId, connectionId, { withinMs: GRACE_MS });
  }
}
