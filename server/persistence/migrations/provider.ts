/**
 * All migrations, in the order of their names. They are imported, not found on disk, so that they are part of a compiled executable. A released
 * migration never changes.
 *
 * @module
 */

import type { Migration, MigrationProvider } from "kysely/migration";
import * as tenants from "./0001_tenants.ts";
import * as signingKeys from "./0002_signing_keys.ts";
import * as operation from "./0003_operation.ts";
import * as properties from "./0005_properties.ts";

/** By name; the names sort in the order in which they run. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001_tenants": tenants,
  "0002_signing_keys": signingKeys,
  "0003_operation": operation,
  "0005_properties": properties,
};

/** Gives {@link MIGRATIONS} to Kysely's migrator. */
export const migrationProvider: MigrationProvider = {
  getMigrations: () => Promise.resolve({ ...MIGRATIONS }),
};
