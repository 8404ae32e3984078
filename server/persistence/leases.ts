/**
 * Leases: who does a job that only one origin at a time may do.
 *
 * @module
 */

import type { Database } from "./schema.ts";

/** How a lease is taken. */
export interface AcquireOptions {
  /** Who takes it: an origin's id. */
  readonly holder: string;
  /** For how long, in milliseconds. Clocks of servers differ: take some seconds more than the job needs. */
  readonly durationMs: number;
}

/** Takes and gives back leases. */
export class LeaseRepository {
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

  /**
   * Takes a lease that is free or has expired, or prolongs one's own.
   *
   * @returns Whether the lease is the holder's now.
   */
  async acquire(name: string, { holder, durationMs }: AcquireOptions): Promise<boolean> {
    const now = this.#now();
    const row = await this.#db.insertInto("leases").values({ name, holder, expires_at: now + durationMs })
      .onConflict((conflict) =>
        conflict.column("name").doUpdateSet({ holder, expires_at: now + durationMs })
          .where(({ eb, or }) => or([eb("leases.holder", "=", holder), eb("leases.expires_at", "<=", now)]))
      )
      .returning("holder")
      .executeTakeFirst();
    return row !== undefined;
  }

  /**
   * Removes leases that expired before a moment. Holders that died have left them, and each has a name of its own.
   *
   * @param beforeMs Milliseconds since 1970.
   * @returns How many there were.
   */
  async prune(beforeMs: number): Promise<number> {
    const { numDeletedRows } = await this.#db.deleteFrom("leases").where("expires_at", "<", beforeMs)
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }

  /** Gives a lease back, if it is still the holder's. */
  async release(name: string, holder: string): Promise<void> {
    await this.#db.deleteFrom("leases").where("name", "=", name).where("holder", "=", holder).execute();
  }
}
