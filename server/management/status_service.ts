/**
 * How the server is: what it stands on, who is connected, the other origins.
 *
 * @module
 */

import { z } from "zod";
import type { ConnectionService } from "./connection_service.ts";
import type { StoredCounts, TenantStoredCounts } from "../persistence/mod.ts";
import { RecentResults } from "./recent_results.ts";
import type { Store } from "./store.ts";

/** What a server can stand on. */
export const COMPONENTS = ["database", "transport", "bodyStore"] as const;

/** How something is. `blocked`: it takes nothing at present, but has lost nothing. */
export const COMPONENT_STATES = ["ready", "blocked", "away"] as const;

/** How many tenants are named that have stored requests. */
const STORED_TENANTS = 5;

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
  queuedRequests: z.int().meta({ description: "Of all tenants, stored until they are settled." }),
  deadLetters: z.int().meta({ description: "Of all tenants." }),
  stored: z.array(z.object({ tenantName: z.string(), queuedRequests: z.int(), deadLetters: z.int() })).meta({
    description: "The tenants that have most dead letters, then those that have most queued requests.",
  }),
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
  readonly store: Pick<Store, "tenants" | "stored">;
  readonly connections: Pick<ConnectionService, "totals">;
  readonly components: () => readonly ComponentStatus[];
  readonly originId: string;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** What all tenants have stored. */
interface Stored {
  readonly counts: StoredCounts;
  readonly byTenant: readonly TenantStoredCounts[];
}

/** Tells how the server is. */
export class StatusService {
  readonly #parts: StatusServiceParts;
  /** Counting takes the longer the more is stored, and everybody who looks at the dashboard asks for it. */
  readonly #stored: RecentResults<Stored>;

  constructor(parts: StatusServiceParts) {
    this.#parts = parts;
    this.#stored = new RecentResults({ maxAgeMs: 0, now: parts.now });
  }

  /** How it is now. */
  async read(): Promise<StatusDocument> {
    const { store, connections, originId } = this.#parts;
    const totals = connections.totals();
    const [{ totalCount }, { counts, byTenant }] = await Promise.all([
      store.tenants.list({ take: 0 }),
      this.#stored.get("", () => this.#countStored()),
    ]);
    return {
      originId,
      tenants: totalCount,
      tenantsOnline: totals.tenantIds.length,
      connections: totals.connections,
      queuedRequests: counts.queued,
      deadLetters: counts.dead,
      stored: byTenant.map(({ tenantName, queued, dead }) => ({
        tenantName,
        queuedRequests: queued,
        deadLetters: dead,
      })),
      components: this.components(),
    };
  }

  async #countStored(): Promise<Stored> {
    const { stored } = this.#parts.store;
    const [counts, byTenant] = await Promise.all([stored.count(), stored.countByTenant({ take: STORED_TENANTS })]);
    return { counts, byTenant };
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
