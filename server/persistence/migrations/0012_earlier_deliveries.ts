/**
 * How often a request was delivered before it became a dead letter that somebody sent again.
 *
 * @module
 */

import type { Kysely } from "kysely";

/** A program of the release before runs on this schema as well. */
export const requires = "0002_signing_keys";

/** Adds the column. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("stored_requests")
    .addColumn("earlier_deliveries", "integer", (column) => column.notNull().defaultTo(0)).execute();
}
