/**
 * Opens the database.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { dirname } from "node:path";
import { Kysely } from "kysely";
import { PersistenceError } from "./errors.ts";
import type { Database } from "./schema.ts";
import { NodeSqliteDialect } from "./sqlite_dialect.ts";

const SQLITE_SCHEME = "sqlite:";
const MEMORY_PATH = ":memory:";
/** While opening nothing is served yet, so waiting for another program may block. */
const OPEN_TIMEOUT_MS = 5_000;

/** Where the database is: a URL `sqlite:PATH`, or a path. The path `:memory:` stands for one that lives as long as its handle. */
export type DatabaseLocation = { readonly url: string } | { readonly path: string };

/**
 * Opens a database, creating its folder and its file when there are none. The schema is left as it is: see `migrateToLatest`.
 *
 * @param location Where the database is.
 * @returns The handle; `destroy()` or `await using` closes it.
 * @throws {PersistenceError} `database_unavailable` when it cannot be opened, or the URL's scheme is not known.
 */
export function openDatabase(location: DatabaseLocation): Database {
  const path = "path" in location ? location.path : pathOf(location.url);
  try {
    if (path !== MEMORY_PATH) createPrivateFile(path);
    return new Kysely({ dialect: new NodeSqliteDialect(openSqlite(path)) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PersistenceError("database_unavailable", `Cannot open database "${path}": ${reason}`, { cause: error });
  }
}

function pathOf(url: string): string {
  const path = url.startsWith(SQLITE_SCHEME) ? url.slice(SQLITE_SCHEME.length) : "";
  if (path !== "") return path;
  // Only the scheme: what follows may hold a password.
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0] ?? "";
  throw new PersistenceError(
    "database_unavailable",
    `Cannot open database: "${scheme}..." is not a supported URL, expected "sqlite:PATH"`,
  );
}

/** The file holds private keys: only its owner may read it. SQLite gives the files it puts beside it the same mode. */
function createPrivateFile(path: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  Deno.openSync(path, { create: true, write: true, mode: 0o600 }).close();
}

function openSqlite(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: OPEN_TIMEOUT_MS });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
