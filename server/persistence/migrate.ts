/**
 * Brings the schema up to date.
 *
 * @module
 */

import { Migrator } from "kysely/migration";
import { PersistenceError } from "./errors.ts";
import { migrationProvider, MIGRATIONS } from "./migrations/provider.ts";
import type { Database } from "./schema.ts";

/**
 * Runs the migrations that have not run yet, all or none. Several programs may do so at once on the same database: one runs them, the others
 * wait.
 *
 * @param db The database to migrate.
 * @returns The names of the migrations that this call ran, in their order.
 * @throws {PersistenceError} `schema_newer` when the database knows a migration that this program does not; `migration_failed` when one
 * failed.
 */
export async function migrateToLatest(db: Database): Promise<string[]> {
  const { error, results = [] } = await new Migrator({ db, provider: migrationProvider }).migrateToLatest();
  if (error !== undefined) {
    await refuseNewerSchema(db);
    const reason = error instanceof Error ? error.message : String(error);
    throw new PersistenceError("migration_failed", `Cannot migrate database: ${reason}`, { cause: error });
  }
  return results.map((result) => result.migrationName);
}

async function refuseNewerSchema(db: Database): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === "kysely_migration")) return;
  const executed = await db.selectFrom("kysely_migration").select("name").orderBy("name").execute();
  const unknown = executed.findLast(({ name }) => !(name in MIGRATIONS));
  if (unknown === undefined) return;
  throw new PersistenceError(
    "schema_newer",
    `Cannot use database: its schema "${unknown.name}" is newer than this program, use the version that wrote it or a later one`,
  );
}
