/**
 * The `database` section of the server's configuration.
 *
 * @module
 */

import { join } from "node:path";
import { z } from "zod";
import { integer, text } from "../../shared/config/fields.ts";
import { parseDatabaseUrl } from "../persistence/database_url.ts";

/** The `database` section. */
export const databaseSection = z.strictObject({
  url: text().superRefine((url, context) => {
    const location = parseDatabaseUrl(url);
    if ("problem" in location) context.addIssue({ code: "custom", message: location.problem });
  }).optional().describe(
    "Database: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE. Without it SQLite, with the file relay.db in the data directory.",
  ),
  maximumConnections: integer({ minimum: 1, maximum: 1_000 }).prefault(10).describe(
    "Connections to PostgreSQL that this server has at a time.",
  ),
});

/**
 * The URL of the database. A path in it is relative to the working directory unless it was configured as an absolute one.
 *
 * @param config The configuration, or what of it counts here.
 */
export function databaseUrl(
  config: { readonly dataDirectory: string; readonly database: z.output<typeof databaseSection> },
): string {
  return config.database.url ?? `sqlite:${join(config.dataDirectory, "relay.db")}`;
}
