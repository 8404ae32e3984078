/**
 * Opens the database.
 *
 * @module
 */

import { Kysely } from "kysely";
import { describeDatabaseUrl, parseDatabaseUrl } from "./database_url.ts";
import { PersistenceError, reasonOf } from "./errors.ts";
import { RelayPostgresDialect } from "./postgres_dialect.ts";
import type { QueryObserver } from "./query_observer.ts";
import type { Database } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";
import { NodeSqliteDialect } from "./sqlite_dialect.ts";

/** Which database, and how. */
export interface OpenDatabaseOptions {
  /** `sqlite:PATH`, `sqlite::memory:`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE`. */
  readonly url: string;
  /** How many connections to PostgreSQL there can be at a time; SQLite has one. */
  readonly maximumConnections?: number;
  /** Hears whether the database answers. */
  readonly observer?: QueryObserver;
}

const DEFAULT_MAXIMUM_CONNECTIONS = 10;

/**
 * Opens a database. The folder and the file of SQLite are created when there are none; PostgreSQL is reached with the first query. The schema is
 * left as it is: see `migrateToLatest`.
 *
 * @returns The handle; `destroy()` or `await using` closes it.
 * @throws {PersistenceError} `database_unavailable` when it cannot be opened, or the URL is none of a known database.
 */
export function openDatabase(
  { url, maximumConnections = DEFAULT_MAXIMUM_CONNECTIONS, observer }: OpenDatabaseOptions,
): Database {
  const location = parseDatabaseUrl(url);
  if ("problem" in location) {
    throw new PersistenceError("database_unavailable", `Cannot open database: ${location.problem}`);
  }
  try {
    const dialect = location.kind === "sqlite"
      ? new NodeSqliteDialect(openSqlite(location.path), observer)
      : new RelayPostgresDialect({ url, maximumConnections, observer });
    return new Kysely({ dialect });
  } catch (error) {
    throw new PersistenceError(
      "database_unavailable",
      `Cannot open database "${describeDatabaseUrl(url)}": ${reasonOf(error)}`,
      { cause: error },
    );
  }
}
