/**
 * What there is once for the whole database.
 *
 * @module
 */

import type { Database } from "./schema.ts";

const DATABASE_ID = "database_id";

/**
 * The database's own id, a UUID made by whoever asks first: origins tell by it whether they share a database.
 *
 * @param db A migrated database.
 */
export async function readDatabaseId(db: Database): Promise<string> {
  await db.insertInto("properties").values({ name: DATABASE_ID, value: crypto.randomUUID() })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
  const { value } = await db.selectFrom("properties").select("value").where("name", "=", DATABASE_ID)
    .executeTakeFirstOrThrow();
  return value;
}
