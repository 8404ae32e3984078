/**
 * What there is once for the whole database.
 *
 * @module
 */

import type { Database } from "./schema.ts";

const DATABASE_ID = "database_id";
const ACKNOWLEDGE_KEY = "acknowledge_key";
const KEY_BYTES = 32;

/**
 * The database's own id, a UUID made by whoever asks first: origins tell by it whether they share a database.
 *
 * @param db A migrated database.
 */
export function readDatabaseId(db: Database): Promise<string> {
  return readProperty(db, { name: DATABASE_ID, value: crypto.randomUUID() });
}

/**
 * The key of the tokens by which targets acknowledge, made by whoever asks first.
 *
 * @param db A migrated database.
 */
export async function readAcknowledgeKey(db: Database): Promise<Uint8Array> {
  const value = crypto.getRandomValues(new Uint8Array(KEY_BYTES)).toHex();
  return Uint8Array.fromHex(await readProperty(db, { name: ACKNOWLEDGE_KEY, value }));
}

/** The value that is there already, else the one given. */
async function readProperty(
  db: Database,
  property: { readonly name: string; readonly value: string },
): Promise<string> {
  await db.insertInto("properties").values(property)
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
  const { value } = await db.selectFrom("properties").select("value").where("name", "=", property.name)
    .executeTakeFirstOrThrow();
  return value;
}
