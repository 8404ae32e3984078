/**
 * What the tests of persistence and of its users share.
 *
 * @module
 */

import { join } from "node:path";
import { findPostgres } from "../../tests/testkit/postgres.ts";
import { openDatabase } from "./database.ts";
import { MEMORY_DATABASE_URL } from "./database_url.ts";
import type { LoggedRequest } from "./logged_request.ts";
import { migrateToLatest } from "./migrate.ts";
import { firstIdAt } from "./request_time.ts";
import type { Database } from "./schema.ts";
import type { StoredRequest } from "./stored_request.ts";

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

/** A queued request that waits, but for what is given. */
export function storedRequest(differences: Partial<StoredRequest> = {}): StoredRequest {
  return {
    id: crypto.randomUUID(),
    tenantId: crypto.randomUUID(),
    kind: "queue",
    mode: "connectorReceived",
    state: "waiting",
    sequence: 1,
    method: "POST",
    target: "app",
    path: "/",
    headers: [],
    isTraced: false,
    body: null,
    bodyKey: null,
    bodyBytes: 0,
    acknowledgeBase: "http://relay",
    createdAt: 1_000,
    expiresAt: 2_000,
    attempts: 0,
    nextAttemptAt: 1_000,
    holder: null,
    reason: null,
    lastError: null,
    earlierDeliveries: 0,
    ...differences,
  };
}

/** A logged request that succeeded, but for what is given. */
export function loggedRequest(differences: Partial<LoggedRequest> = {}): LoggedRequest {
  const { startedAt = Date.UTC(2026, 0, 1) } = differences;
  return {
    id: requestIdAt(startedAt),
    tenantId: crypto.randomUUID(),
    tenantName: "acme",
    originId: crypto.randomUUID(),
    connectionId: crypto.randomUUID(),
    startedAt,
    durationMs: 12.5,
    target: "erp",
    method: "GET",
    path: "/orders/1",
    clientAddress: "192.0.2.1",
    status: 200,
    outcome: "succeeded",
    errorCode: null,
    policyReason: null,
    requestBytes: 1,
    relayedRequestBytes: 2,
    responseBytes: 3,
    relayedResponseBytes: 4,
    waitedMs: 1.5,
    tunnelMs: 0.5,
    targetMs: 2.25,
    deliveries: 1,
    ...differences,
  };
}

/** A clock that stands still until it is moved. Starts at 2026-01-01. */
export class TestClock {
  #time = Date.UTC(2026, 0, 1);
  #setBackMs = 0;

  /** To be given to what asks for the time. */
  readonly now = (): number => this.#time;

  /** The time of the same clock as if it was never set back. */
  readonly monotonicNow = (): number => this.#time + this.#setBackMs;

  /** Moves the clock on. */
  advance(ms: number): void {
    this.#time += ms;
  }

  /** Sets the clock back. */
  setBack(ms: number): void {
    this.#time -= ms;
    this.#setBackMs += ms;
  }
}
