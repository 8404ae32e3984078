/**
 * Brings the schema up to date.
 *
 * @module
 */

import { type MigrationProvider, Migrator } from "kysely/migration";
import { PersistenceError, reasonOf } from "./errors.ts";
import { migrationProvider } from "./migrations/provider.ts";
import type { Database } from "./schema.ts";

/**
 * Runs the migrations that have not run yet, all or none. Several programs may do so at once on the same database: one runs them, the others
 * wait. When a later release has migrated the database already, in a way that this one can live with, there is nothing to do.
 *
 * @param db The database to migrate.
 * @param options Other migrations than this program's, for tests.
 * @returns The names of the migrations that this call ran, in their order.
 * @throws {PersistenceError} `database_unavailable` when it cannot be reached; `schema_newer` when its schema is too new for this program;
 * `migration_failed` when a migration failed.
 */
export async function migrateToLatest(
  db: Database,
  { provider = migrationProvider }: { readonly provider?: MigrationProvider } = {},
): Promise<string[]> {
  const known = Object.keys(await provider.getMigrations());
  if (await isNewerButCompatible(db, known)) return [];
  const { error, results = [] } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) {
    if (error instanceof PersistenceError && error.code === "database_unavailable") throw error;
    // A later release may have been quicker.
    if (await isNewerButCompatible(db, known)) return [];
    throw new PersistenceError("migration_failed", `Cannot migrate database: ${reasonOf(error)}`, { cause: error });
  }
  return results.map((result) => result.migrationName);
}

/** @throws {PersistenceError} `schema_newer` when the schema is newer and not compatible. */
async function isNewerButCompatible(db: Database, known: readonly string[]): Promise<boolean> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  const has = (name: string) => tables.some((table) => table.name === name);
  if (!has("kysely_migration")) return false;
  const executed = await db.selectFrom("kysely_migration").select("name").orderBy("name").execute();
  const unknown = executed.filter(({ name }) => !known.includes(name));
  if (unknown.length === 0) return false;
  const compatibility = has("schema_compatibility")
    ? await db.selectFrom("schema_compatibility").selectAll().execute()
    : [];
  const isComplete = known.every((name) => executed.some((migration) => migration.name === name));
  for (const { name } of unknown) {
    const requires = compatibility.find(({ migration }) => migration === name)?.requires;
    if (isComplete && requires !== undefined && known.includes(requires)) continue;
    throw new PersistenceError(
      "schema_newer",
      `Cannot use database: its schema "${name}" is newer than this program, use the version that wrote it or a later one`,
    );
  }
  return true;
}
