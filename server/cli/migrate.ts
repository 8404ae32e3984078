/**
 * `migrate`: brings the database's schema up to date without serving.
 *
 * @module
 */

import type { Command } from "../../shared/cli/mod.ts";
import { databaseUrl } from "../config/database.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { migrateToLatest, openDatabase } from "../persistence/mod.ts";

/** Migrates the database and prints what was done. */
export const migrate: Command<ServerConfig> = {
  name: "migrate",
  summary: "Bring the database up to date",
  async run({ io, loadConfig }) {
    await using database = openDatabase({ url: databaseUrl(loadConfig()) });
    const done = await migrateToLatest(database);
    io.output.write(done.length === 0 ? "The database is up to date.\n" : done.map((name) => `${name}\n`).join(""));
  },
};
