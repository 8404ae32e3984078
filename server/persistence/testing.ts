/**
 * What the tests of persistence and of its users share.
 *
 * @module
 */

import { join } from "node:path";
import { findPostgres } from "../../tests/testkit/postgres.ts";
import { openDatabase } from "./database.ts";
import { MEMORY_DATABASE_URL } from "./database_url.ts";
import { migrateToLatest } from "./migrate.ts";
import { firstIdAt } from "./request_time.ts";
import type { Database } from "./schema.ts";

const postgres = await findPostgres();

/** A folder that is removed at the end of the scope. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync({ prefix: "relayserver-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** A migrated database in memory. */
export async function memoryDatabase(): Promise<Database> {
  const db = openDatabase({ url: MEMORY_DATABASE_URL });
  await migrateToLatest(db);
  return db;
}

/**
 * Registers one test per database that is supported, each with a migrated database of its own.
 *
 * @param name The test's name, to which the database's is added.
 */
export function testOnDatabases(name: string, test: (db: Database) => Promise<void>): void {
  Deno.test(`${name} (SQLite in memory)`, async () => {
    await using db = await memoryDatabase();
    await test(db);
  });
  testOnDatabaseUrls(name, async (url) => {
    await using db = openDatabase({ url });
    await migrateToLatest(db);
    await test(db);
  });
}

/**
 * Registers one test per database that several handles or programs can have open, each with an empty one of its own.
 *
 * @param name The test's name, to which the database's is added.
 */
export function testOnDatabaseUrls(name: string, test: (url: string) => Promise<void>): void {
  Deno.test(`${name} (SQLite file)`, async () => {
    using folder = temporaryFolder();
    await test(`sqlite:${join(folder.path, "relay.db")}`);
  });
  Deno.test({
    name: postgres.label(`${name} (PostgreSQL)`),
    ignore: postgres.isSkipped,
    fn: async () => {
      await using database = await postgres.createDatabase();
      await test(database.url);
    },
  });
}

/** The id of a request that started at that moment, in milliseconds since 1970. */
export function requestIdAt(startedAt: number): string {
  const prefix = firstIdAt(startedAt).slice(0, 14);
  return `${prefix}7${crypto.randomUUID().slice(15)}`;
}

/** A clock that stands still until it is moved. Starts at 2026-01-01. */
export class TestClock {
  #time = Date.UTC(2026, 0, 1);

  /** To be given to what asks for the time. */
  readonly now = (): number => this.#time;

  /** Moves the clock on. */
  advance(ms: number): void {
    this.#time += ms;
  }
}
