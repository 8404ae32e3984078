/**
 * How the server is: what it stands on, who is connected, the other origins.
 *
 * @module
 */

import { z } from "zod";
import type { ConnectionService } from "./connection_service.ts";
import type { Store } from "./store.ts";

/** What a server can stand on. */
export const COMPONENTS = ["database", "transport", "bodyStore"] as const;

/** How something is. `blocked`: it takes nothing at present, but has lost nothing. */
export const COMPONENT_STATES = ["ready", "blocked", "away"] as const;

/** Something that the server stands on. */
export interface ComponentStatus {
  readonly name: typeof COMPONENTS[number];
  /** Which kind of it, for example `sqlite`. */
  readonly kind: string;
  readonly state: typeof COMPONENT_STATES[number];
  /** Since when, in milliseconds since 1970, where it is known. */
  readonly sinceMs?: number;
  /** What was said last when it is not ready. */
  readonly lastError?: string | undefined;
}

/** The status as it is shown. */
export const statusDocumentSchema = z.object({
  originId: z.guid().meta({ description: "The origin that answers." }),
  tenants: z.int(),
  tenantsOnline: z.int(),
  connections: z.int(),
  components: z.array(z.object({
    name: z.enum(COMPONENTS),
    kind: z.string(),
    state: z.enum(COMPONENT_STATES),
    since: z.iso.datetime().nullable(),
    lastError: z.string().nullable(),
  })),
}).meta({ id: "Status" });

/** The status as it is shown. */
export type StatusDocument = z.output<typeof statusDocumentSchema>;

/** What {@link StatusService} works with. */
export interface StatusServiceParts {
  readonly store: Pick<Store, "tenants">;
  readonly connections: Pick<ConnectionService, "totals">;
  readonly components: () => readonly ComponentStatus[];
  readonly originId: string;
}

/** Tells how the server is. */
export class StatusService {
  readonly #parts: StatusServiceParts;

  constructor(parts: StatusServiceParts) {
    this.#parts = parts;
  }

  /** How it is now. */
  async read(): Promise<StatusDocument> {
    const { store, connections, originId } = this.#parts;
    const totals = connections.totals();
    return {
      originId,
      tenants: (await store.tenants.list({ take: 0 })).totalCount,
      tenantsOnline: totals.tenantIds.length,
      connections: totals.connections,
      components: this.components(),
    };
  }

  /** What the server stands on; known without the database. */
  components(): StatusDocument["components"] {
    return this.#parts.components().map(({ sinceMs, lastError = null, ...component }) => ({
      ...component,
      since: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
      lastError,
    }));
  }
}
