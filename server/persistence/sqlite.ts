/**
 * Opens an SQLite database, for several programs at once.
 *
 * @module
 */

import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A database that is gone with its program. */
export const MEMORY_PATH = ":memory:";
/** While opening nothing is served yet, so waiting for another program may block. */
const OPEN_TIMEOUT_MS = 5_000;

/**
 * Opens a database, creating its folder and its file when there are none.
 *
 * @param path The file, or `:memory:`.
 * @throws {Error} of the platform when it cannot be opened.
 */
export function openSqlite(path: string): DatabaseSync {
  if (path !== MEMORY_PATH) createPrivateFile(path);
  const database = new DatabaseSync(path, { timeout: OPEN_TIMEOUT_MS });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
    // SQLite's own knows ASCII only: a search would find "Öl" in one database and not in the other.
    database.function("lower", { deterministic: true }, (text) => typeof text === "string" ? text.toLowerCase() : null);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The file holds private keys: only its owner may read it. SQLite gives the files it puts beside it the same mode. */
function createPrivateFile(path: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  Deno.openSync(path, { create: true, write: true, mode: 0o600 }).close();
}
