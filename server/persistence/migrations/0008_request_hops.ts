/**
 * Where the time of logged requests went.
 *
 * @module
 */

import type { Kysely } from "kysely";

/** A program of the release before runs on this schema as well. */
export const requires = "0002_signing_keys";

/** Adds the columns. They are null in rows of programs that do not know them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("requests").addColumn("waited_ms", "double precision").execute();
  await db.schema.alterTable("requests").addColumn("target_ms", "double precision").execute();
  await db.schema.alterTable("requests").addColumn("deliveries", "integer").execute();
}
