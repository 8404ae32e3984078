/**
 * Kysely's PostgreSQL dialect over a pool that notices when the database is gone.
 *
 * @module
 */

import { PostgresAdapter, PostgresDialect, type QueryExecutorProvider, sql } from "kysely";
import { RelayPostgresPool, type RelayPostgresPoolOptions } from "./postgres_pool.ts";

/** How long migrations, and waiting for those of another program, may take. */
const MIGRATION_TIMEOUT_MS = 60 * 60 * 1000;

/** A Kysely dialect for one PostgreSQL database. */
export class RelayPostgresDialect extends PostgresDialect {
  readonly #pool: RelayPostgresPool;

  /** @param options Where the database is, and how to use it. */
  constructor(options: RelayPostgresPoolOptions) {
    const pool = new RelayPostgresPool(options);
    super({ pool });
    this.#pool = pool;
  }

  override createAdapter(): PostgresAdapter {
    return new PatientAdapter(this.#pool);
  }
}

/** Gives migrations the time they need: what no request may take, building an index over a large table does. */
class PatientAdapter extends PostgresAdapter {
  readonly #pool: RelayPostgresPool;

  constructor(pool: RelayPostgresPool) {
    super();
    this.#pool = pool;
  }

  override async acquireMigrationLock(...args: Parameters<PostgresAdapter["acquireMigrationLock"]>): Promise<void> {
    await this.#setTimeout(args[0], MIGRATION_TIMEOUT_MS);
    await super.acquireMigrationLock(...args);
  }

  override async releaseMigrationLock(...args: Parameters<PostgresAdapter["releaseMigrationLock"]>): Promise<void> {
    await super.releaseMigrationLock(...args);
    await this.#setTimeout(args[0], undefined);
  }

  async #setTimeout(db: QueryExecutorProvider, timeoutMs: number | undefined): Promise<void> {
    this.#pool.answerTimeoutMs = timeoutMs;
    await sql`set statement_timeout = ${timeoutMs === undefined ? sql`default` : sql.lit(timeoutMs)}`.execute(db);
  }
}
