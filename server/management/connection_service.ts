/**
 * Who is connected.
 *
 * @module
 */

import { z } from "zod";
import type { Actor } from "../persistence/mod.ts";
import { record } from "./audit_trail.ts";
import { ManagementError } from "./management_error.ts";
import type { Store } from "./store.ts";
import { requireTenant } from "./tenant_service.ts";

/** A connection as the directory knows it. */
export interface ConnectionEntry {
  /** UUID. */
  readonly id: string;
  readonly tenantId: string;
  /** UUID of the origin that has it. */
  readonly originId: string;
  readonly peerAddress: string;
  /** Milliseconds since 1970. */
  readonly connectedAt: number;
  readonly machineName: string;
  /** Version of the connector. */
  readonly version: string;
  readonly targets: readonly string[];
  /** Those of the targets whose health check fails at the connector. */
  readonly unhealthyTargets?: readonly string[];
  /** How long a message takes there and back, in milliseconds, once it was measured. */
  readonly roundTripMs?: number | undefined;
  readonly inFlight: number;
  /** Requests it takes at once. */
  readonly capacity: number;
}

/** Knows the connections. */
export interface ConnectionDirectory {
  /** The connections of a tenant at all origins, oldest first. */
  list(tenantId: string): Promise<readonly ConnectionEntry[]>;
  /** How many connections a tenant has. */
  count(tenantId: string): number;
  /** The tenants that are connected. */
  tenantIds(): Iterable<string>;
  /** Ends a connection of a tenant; false when it has no such connection any more. */
  disconnect(tenantId: string, connectionId: string): Promise<boolean>;
  /** Measures how long a message to a connector takes there and back, in milliseconds; `undefined` when nothing came back in time. */
  ping(
    tenantId: string,
    connectionId: string,
    options: { readonly timeoutMs: number },
  ): Promise<number | undefined>;
}

/** A connection as it is shown. */
export const connectionDocumentSchema = z.object({
  id: z.guid(),
  originId: z.guid().meta({ description: "The server instance that has it." }),
  address: z.string().meta({ description: "Address of the connector, or of a proxy before it." }),
  connected: z.iso.datetime().meta({ description: "Since when." }),
  machineName: z.string(),
  version: z.string().meta({ description: "Version of the connector." }),
  targets: z.array(z.string()),
  unhealthyTargets: z.array(z.string()).meta({ description: "Those whose health check fails at the connector." }),
  roundTripMs: z.number().nullable().meta({ description: "There and back; null until it was measured." }),
  inFlight: z.int().meta({ description: "Requests under way." }),
  capacity: z.int().meta({ description: "Requests it takes at once." }),
}).meta({ id: "Connection" });

/** A connection as it is shown. */
export type ConnectionDocument = z.output<typeof connectionDocumentSchema>;

/** Shows a connection. */
export function toConnectionDocument(entry: ConnectionEntry): ConnectionDocument {
  const { id, originId, peerAddress, connectedAt, machineName, version, targets, inFlight, capacity } = entry;
  const { unhealthyTargets = [], roundTripMs = null } = entry;
  return {
    id,
    originId,
    address: peerAddress,
    connected: new Date(connectedAt).toISOString(),
    machineName,
    version,
    targets: [...targets],
    unhealthyTargets: [...unhealthyTargets],
    roundTripMs,
    inFlight,
    capacity,
  };
}

/** Lists and ends connections. */
export class ConnectionService {
  readonly #store: Store;
  readonly #directory: ConnectionDirectory;

  constructor({ store, directory }: { readonly store: Store; readonly directory: ConnectionDirectory }) {
    this.#store = store;
    this.#directory = directory;
  }

  /** @throws {ManagementError} `tenant_unknown`. */
  async list(tenantName: string): Promise<readonly ConnectionEntry[]> {
    const tenant = await requireTenant(this.#store, tenantName);
    return await this.#directory.list(tenant.id);
  }

  /** How many connections a tenant has. */
  count(tenantId: string): number {
    return this.#directory.count(tenantId);
  }

  /** The tenants that are connected, and how many connections they have together. */
  totals(): { readonly tenantIds: readonly string[]; readonly connections: number } {
    const tenantIds = [...this.#directory.tenantIds()];
    return { tenantIds, connections: tenantIds.reduce((sum, id) => sum + this.#directory.count(id), 0) };
  }

  /**
   * Ends a connection, in a few seconds where requests are under way. The connector connects again if it may.
   *
   * @throws {ManagementError} `tenant_unknown`; `not_found` when the tenant has no such connection, whoever else has it.
   */
  async disconnect(tenantName: string, { id, actor }: { readonly id: string; readonly actor: Actor }): Promise<void> {
    const tenant = await requireTenant(this.#store, tenantName);
    const entry = (await this.#directory.list(tenant.id)).find((candidate) => candidate.id === id);
    if (entry === undefined || !await this.#directory.disconnect(tenant.id, id)) {
      throw new ManagementError("not_found", "The tenant has no such connection");
    }
    const subject = { id, name: tenant.name };
    await record(this.#store, { actor, action: "connection.close", subject, before: toConnectionDocument(entry) });
  }
}
