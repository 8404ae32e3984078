/**
 * What of a logged request's time the way to the connector took.
 *
 * @module
 */

import type { Kysely } from "kysely";

/** A program of the release before runs on this schema as well. */
export const requires = "0002_signing_keys";

/** Adds the column. It is null in rows of programs that do not know it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("requests").addColumn("tunnel_ms", "double precision").execute();
}
