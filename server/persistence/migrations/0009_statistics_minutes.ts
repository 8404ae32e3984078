/**
 * Finds the minutes of the statistics that are not summed up by the hour yet.
 *
 * @module
 */

import { type Kysely, sql } from "kysely";

/** A program of the release before runs on this schema as well. */
export const requires = "0002_signing_keys";

/** Adds the index. Hours, of which there are many after a month, are not in it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createIndex("statistics_minutes").on("statistics").column("interval_start")
    .where(sql<boolean>`interval_start % 3600000 <> 0`).execute();
}
