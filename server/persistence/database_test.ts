import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { sql } from "kysely";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { openDatabase } from "./database.ts";
import { MEMORY_DATABASE_URL } from "./database_url.ts";
import { migrateToLatest } from "./migrate.ts";
import { TenantRepository } from "./tenants.ts";
import { temporaryFolder } from "./testing.ts";

async function pragma(db: ReturnType<typeof openDatabase>, name: string): Promise<unknown> {
  const { rows } = await sql<Record<string, unknown>>`${sql.raw(`PRAGMA ${name}`)}`.execute(db);
  return Object.values(rows[0] ?? {})[0];
}

Deno.test("openDatabase() creates folder and file for their owner only, and sets them up for several programs", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "new", "data", "relay.db");
  await using db = openDatabase({ url: `sqlite:${path}` });
  assert.equal(await pragma(db, "journal_mode"), "wal");
  assert.equal(await pragma(db, "synchronous"), 1);
  assert.equal(await pragma(db, "foreign_keys"), 1);
  if (Deno.build.os === "windows") return;
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  assert.equal(Deno.statSync(join(folder.path, "new", "data")).mode! & 0o777, 0o700);
});

Deno.test("openDatabase() keeps what is in the file", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  {
    await using db = openDatabase({ url: `sqlite:${path}` });
    await migrateToLatest(db);
    await new TenantRepository(db, Date.now).insert("acme");
  }
  await using db = openDatabase({ url: `sqlite:${path}` });
  assert.equal((await new TenantRepository(db, Date.now).findByName("acme"))?.name, "acme");
});

Deno.test("openDatabase() says which database and why when it cannot be opened", () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "file");
  Deno.writeTextFileSync(file, "x".repeat(4096));
  for (const path of [join(file, "relay.db"), folder.path, file]) {
    assert.throws(
      () => openDatabase({ url: `sqlite:${path}` }),
      (error: Error) => {
        assert.equal(error.name, "PersistenceError");
        assert.equal((error as Error & { code: string }).code, "database_unavailable");
        assert.ok(error.message.startsWith(`Cannot open database "sqlite:${path}": `), error.message);
        assert.ok(error.cause instanceof Error);
        return true;
      },
    );
  }
});

Deno.test("openDatabase() refuses other URLs without repeating what may be a password", () => {
  for (const url of ["mysql://user:hunter2@host/db", "relay.db", "sqlite:", "", "postgres://user:hunter2/@host/db"]) {
    assert.throws(
      () => openDatabase({ url }),
      (error: Error) => /^Cannot open database: Expected /.test(error.message) && !error.message.includes("hunter2"),
    );
  }
});

/** A database whose write lock another program holds. */
async function lockedDatabase() {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(temporaryFolder());
  const path = join(folder.path, "relay.db");
  const db = resources.use(openDatabase({ url: `sqlite:${path}` }));
  await migrateToLatest(db);
  const other = resources.adopt(new DatabaseSync(path), (database) => database.close());
  other.exec("begin immediate");
  const kept = resources.move();
  return { db, other, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

Deno.test("a statement waits without blocking when another program holds the write lock", async () => {
  await using locked = await lockedDatabase();
  const { db, other } = locked;
  const inserting = new TenantRepository(db, Date.now).insert("acme");
  await setImmediate();
  other.exec("commit");
  assert.equal((await inserting).name, "acme");
});

Deno.test("a database that another program has locked for too long counts as away, so that writes are repeated", async () => {
  await using locked = await lockedDatabase();
  using time = new FakeTime();
  const inserting = new TenantRepository(locked.db, Date.now).insert("acme");
  await setImmediate();
  time.pass(5_000);
  await assert.rejects(inserting, { code: "database_unavailable", message: "Cannot use database: database is locked" });
});

Deno.test("transactions of two connections to one file take turns", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  await using one = openDatabase({ url: `sqlite:${path}` });
  await using two = openDatabase({ url: `sqlite:${path}` });
  await migrateToLatest(one);
  const { id } = await new TenantRepository(one, Date.now).insert("counter");
  const increment = (db: typeof one) =>
    db.transaction().execute(async (transaction) => {
      const { maximum_concurrent_connector_requests: count } = await transaction.selectFrom("tenants")
        .select("maximum_concurrent_connector_requests").where("id", "=", id).executeTakeFirstOrThrow();
      await setImmediate();
      await transaction.updateTable("tenants").set({ maximum_concurrent_connector_requests: count + 1 })
        .where("id", "=", id).execute();
    });
  await Promise.all(Array.from({ length: 10 }, (_, index) => increment(index % 2 === 0 ? one : two)));
  assert.equal((await new TenantRepository(two, Date.now).findById(id))?.maximumConcurrentConnectorRequests, 10);
});

Deno.test("a failing statement becomes a PersistenceError with its cause", async () => {
  await using db = openDatabase({ url: MEMORY_DATABASE_URL });
  await assert.rejects(
    new TenantRepository(db, Date.now).findByName("acme"),
    (error: Error & { code?: string }) =>
      error.code === "query_failed" && /no such table/.test(error.message) && error.cause instanceof Error,
  );
});
