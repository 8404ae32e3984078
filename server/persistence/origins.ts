/**
 * Reads and writes the server instances.
 *
 * @module
 */

import type { Database, OriginState, OriginTable } from "./schema.ts";

/** A server instance. */
export interface Origin {
  /** UUID, a new one at every start. */
  readonly id: string;
  readonly machineName: string;
  /** Version of the program. */
  readonly version: string;
  /** Base of its absolute URLs; null when it is not configured. */
  readonly publicUrl: string | null;
  readonly state: OriginState;
  /** How many connectors are connected to it. */
  readonly connections: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Milliseconds since 1970. */
  readonly lastSeenAt: number;
}

/** Reads and writes origins. Each writes its own row only. */
export class OriginRepository {
  readonly #db: Database;
  readonly #now: () => number;

  /**
   * @param db A migrated database.
   * @param now The time in milliseconds since 1970.
   */
  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** All origins, the one that started last first. */
  async list(): Promise<Origin[]> {
    const rows = await this.#db.selectFrom("origins").selectAll().orderBy("started_at", "desc").orderBy("id").execute();
    return rows.map(toOrigin);
  }

  /** Writes an origin as it is now, seen now, whether it was written before or not. */
  async save(origin: Omit<Origin, "lastSeenAt">): Promise<void> {
    const changing = {
      machine_name: origin.machineName,
      version: origin.version,
      public_url: origin.publicUrl,
      state: origin.state,
      connections: origin.connections,
      started_at: origin.startedAt,
      last_seen_at: this.#now(),
    };
    await this.#db.insertInto("origins").values({ id: origin.id, ...changing })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(changing))
      .execute();
  }

  /**
   * Removes origins that were not seen since a moment.
   *
   * @param beforeMs Milliseconds since 1970.
   * @returns How many there were.
   */
  async prune(beforeMs: number): Promise<number> {
    const { numDeletedRows } = await this.#db.deleteFrom("origins").where("last_seen_at", "<", beforeMs)
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }
}

function toOrigin(row: OriginTable): Origin {
  return {
    id: row.id,
    machineName: row.machine_name,
    version: row.version,
    publicUrl: row.public_url,
    state: row.state,
    connections: row.connections,
    startedAt: row.started_at,
    lastSeenAt: row.last_seen_at,
  };
}
