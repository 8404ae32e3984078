/**
 * What there is once for the whole database.
 *
 * @module
 */

import type { Kysely } from "kysely";

/** A program of the release before runs on this schema as well. */
export const requires = "0002_signing_keys";

/** Creates the table. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("properties")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("value", "text", (column) => column.notNull())
    .execute();
}
