/**
 * Where the two databases differ in a migration.
 *
 * @module
 */

import { type Kysely, sql, SqliteAdapter } from "kysely";

/** A database while it is migrated: its tables are not known yet. */
export type MigratedDatabase = Kysely<unknown>;

/**
 * Makes a column of text sort by its bytes. SQLite does so anyway; PostgreSQL would sort by the language its database was made with, in which
 * lists differ and a prefix is not found by the index.
 */
export async function textInOneOrder(
  db: MigratedDatabase,
  { table, column }: { readonly table: string; readonly column: string },
): Promise<void> {
  // By the adapter: a query that only one of them knows would spoil PostgreSQL's transaction.
  if (db.getExecutor().adapter instanceof SqliteAdapter) return;
  await sql`alter table ${sql.table(table)} alter column ${sql.ref(column)} type text collate "C"`.execute(db);
}

/** The type of a column of bytes. */
export function blobType(db: MigratedDatabase): "blob" | "bytea" {
  return db.getExecutor().adapter instanceof SqliteAdapter ? "blob" : "bytea";
}
