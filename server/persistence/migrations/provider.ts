/**
 * All migrations, in the order of their names. They are imported, not found on disk, so that they are part of a compiled executable. A released
 * migration never changes.
 *
 * A schema changes in two steps, so that servers of one release and the next can run side by side: a release only adds what the next one needs
 * (expand), and what a release no longer uses is removed by the one after it (contract). What a migration leaves behind therefore has a
 * `requires`: the newest migration of the release before.
 *
 * @module
 */

import type { Migration, MigrationProvider } from "kysely/migration";
import * as tenants from "./0001_tenants.ts";
import * as signingKeys from "./0002_signing_keys.ts";
import * as operation from "./0003_operation.ts";
import * as properties from "./0005_properties.ts";
import * as storedRequests from "./0006_stored_requests.ts";
import * as recordings from "./0007_recordings.ts";
import * as requestHops from "./0008_request_hops.ts";
import * as statisticsMinutes from "./0009_statistics_minutes.ts";
import * as requestsById from "./0010_requests_by_id.ts";
import * as requestTunnel from "./0011_request_tunnel.ts";
import * as earlierDeliveries from "./0012_earlier_deliveries.ts";
import type { MigratedDatabase } from "./dialect.ts";

/** A migration. */
export interface RelayMigration {
  /** What a program must know to run on the schema that this migration makes: the name of a migration. None before 0003. */
  readonly requires?: string;
  up(db: MigratedDatabase): Promise<void>;
}

/** By name; the names sort in the order in which they run. */
export const MIGRATIONS: Readonly<Record<string, RelayMigration>> = {
  "0001_tenants": tenants,
  "0002_signing_keys": signingKeys,
  "0003_operation": operation,
  "0005_properties": properties,
  "0006_stored_requests": storedRequests,
  "0007_recordings": recordings,
  "0008_request_hops": requestHops,
  "0009_statistics_minutes": statisticsMinutes,
  "0010_requests_by_id": requestsById,
  "0011_request_tunnel": requestTunnel,
  "0012_earlier_deliveries": earlierDeliveries,
};

/** Gives {@link MIGRATIONS} to Kysely's migrator. */
export const migrationProvider: MigrationProvider = {
  getMigrations: () => Promise.resolve(asKyselyMigrations(MIGRATIONS)),
};

/** Has each migration note what its schema requires. */
export function asKyselyMigrations(migrations: Readonly<Record<string, RelayMigration>>): Record<string, Migration> {
  const entries = Object.entries(migrations).map(([name, migration]): [string, Migration] => [name, {
    async up(db) {
      await migration.up(db);
      if (migration.requires === undefined) return;
      await db.insertInto("schema_compatibility").values({ migration: name, requires: migration.requires }).execute();
    },
  }]);
  return Object.fromEntries(entries);
}
