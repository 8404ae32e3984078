/**
 * Logged requests are read in the order of their ids, which begin with the time, so that the log needs no index of its own for the newest.
 *
 * @module
 */

import { sql } from "kysely";
import { type MigratedDatabase, textInOneOrder } from "./dialect.ts";

/** A program of the release before runs on this schema as well. */
export const requires = "0002_signing_keys";

/** Replaces the indexes by the time with those by the id. */
export async function up(db: MigratedDatabase): Promise<void> {
  for (
    const name of [
      "requests_newest",
      "requests_newest_of_tenant",
      "requests_unsuccessful",
      "requests_unsuccessful_of_tenant",
    ]
  ) {
    await db.schema.dropIndex(name).execute();
  }
  // In Danish "aa" comes behind "z".
  await textInOneOrder(db, { table: "requests", column: "id" });
  await db.schema.createIndex("requests_of_tenant").on("requests").columns(["tenant_id", "id"]).execute();
  const isUnsuccessful = sql<boolean>`outcome <> 'succeeded'`;
  await db.schema.createIndex("requests_not_succeeded").on("requests").column("id").where(isUnsuccessful).execute();
  await db.schema.createIndex("requests_not_succeeded_of_tenant").on("requests").columns(["tenant_id", "id"])
    .where(isUnsuccessful).execute();
}
