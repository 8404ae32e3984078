/**
 * The keys that sign tokens.
 *
 * @module
 */

import type { Kysely } from "kysely";

/** Creates the table. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("signing_keys")
    .addColumn("kid", "text", (column) => column.primaryKey())
    .addColumn("algorithm", "text", (column) => column.notNull())
    .addColumn("private_jwk", "text", (column) => column.notNull())
    .addColumn("public_jwk", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
}
