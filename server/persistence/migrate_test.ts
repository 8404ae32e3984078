import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import type { MigrationProvider } from "kysely/migration";
import { openDatabase } from "./database.ts";
import { migrateToLatest } from "./migrate.ts";
import { asKyselyMigrations, MIGRATIONS, type RelayMigration } from "./migrations/provider.ts";
import { testOnDatabases, testOnDatabaseUrls } from "./testing.ts";

const ALL = Object.keys(MIGRATIONS);

function withCode(code: string, message: RegExp) {
  return (error: Error & { code?: string }) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

/** The migrations of a release that is not there yet. */
function later(migrations: Readonly<Record<string, RelayMigration>>): MigrationProvider {
  return { getMigrations: () => Promise.resolve(asKyselyMigrations({ ...MIGRATIONS, ...migrations })) };
}

testOnDatabaseUrls("migrateToLatest() runs every migration once when it is called twice", async (url) => {
  await using db = openDatabase({ url });
  assert.deepEqual(await migrateToLatest(db), ALL);
  assert.deepEqual(await migrateToLatest(db), []);
});

testOnDatabaseUrls("migrateToLatest() runs every migration once when several handles start at once", async (url) => {
  await using one = openDatabase({ url });
  await using two = openDatabase({ url });
  await using three = openDatabase({ url });
  const ran = await Promise.all([migrateToLatest(one), migrateToLatest(two), migrateToLatest(three)]);
  assert.deepEqual(ran.flat(), ALL);
});

testOnDatabaseUrls("migrateToLatest() runs every migration once when several programs start at once", async (url) => {
  const script = `
    import { openDatabase } from ${JSON.stringify(import.meta.resolve("./database.ts"))};
    import { migrateToLatest } from ${JSON.stringify(import.meta.resolve("./migrate.ts"))};
    await using db = openDatabase({ url: Deno.args[0] });
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(await migrateToLatest(db))));
  `;
  const config = fileURLToPath(import.meta.resolve("../../deno.json"));
  const permissions = ["--allow-read", "--allow-write", "--allow-net", "--allow-env"];
  const start = () =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...permissions, "--config", config, scriptUrl(script), url],
    }).output();
  const outputs = await Promise.all([start(), start(), start()]);
  const decoder = new TextDecoder();
  const ran = outputs.flatMap(({ success, stdout, stderr }) => {
    assert.ok(success, decoder.decode(stderr));
    return JSON.parse(decoder.decode(stdout));
  });
  assert.deepEqual(ran, ALL);
});

function scriptUrl(script: string): string {
  return `data:application/typescript,${encodeURIComponent(script)}`;
}

testOnDatabases("migrateToLatest() refuses a schema of which nothing says that it is compatible", async (db) => {
  const newer = { name: "9999_teleport", timestamp: new Date().toISOString() };
  await db.insertInto("kysely_migration").values(newer).execute();
  const expected = withCode("schema_newer", /"9999_teleport" is newer than this program/);
  await assert.rejects(migrateToLatest(db), expected);
  await db.insertInto("schema_compatibility").values({ migration: newer.name, requires: "9998_prepare" }).execute();
  await assert.rejects(migrateToLatest(db), expected);
});

testOnDatabases("migrateToLatest() refuses a newer schema that lacks a migration of this program", async (db) => {
  const newer = { name: "9999_teleport", timestamp: new Date().toISOString() };
  await db.insertInto("kysely_migration").values(newer).execute();
  await db.insertInto("schema_compatibility").values({ migration: newer.name, requires: ALL[0]! }).execute();
  await db.deleteFrom("kysely_migration").where("name", "=", ALL.at(-1)!).execute();
  await assert.rejects(migrateToLatest(db), withCode("schema_newer", /"9999_teleport" is newer/));
  const { length } = await db.selectFrom("kysely_migration").selectAll().execute();
  assert.equal(length, ALL.length);
});

testOnDatabases("migrateToLatest() leaves the schema of the next release alone and runs on it", async (db) => {
  const next = later({
    "9000_expand": {
      requires: ALL.at(-1)!,
      up: async (migrated) => await migrated.schema.createTable("gadgets").addColumn("id", "text").execute(),
    },
  });
  assert.deepEqual(await migrateToLatest(db, { provider: next }), ["9000_expand"]);
  assert.deepEqual(await migrateToLatest(db), []);
  const afterNext = later({
    "9000_expand": { requires: ALL.at(-1)!, up: () => Promise.resolve() },
    "9001_contract": { requires: "9000_expand", up: (migrated) => migrated.schema.dropTable("gadgets").execute() },
  });
  assert.deepEqual(await migrateToLatest(db, { provider: afterNext }), ["9001_contract"]);
  assert.deepEqual(await migrateToLatest(db, { provider: next }), [], "one release behind");
  await assert.rejects(
    migrateToLatest(db),
    withCode("schema_newer", /"9001_contract" is newer/),
    "two releases behind",
  );
});

testOnDatabases("migrateToLatest() changes nothing when a migration fails", async (db) => {
  const broken = later({
    "9000_first": {
      requires: ALL.at(-1)!,
      up: async (migrated) => await migrated.schema.createTable("gadgets").addColumn("id", "text").execute(),
    },
    "9001_second": {
      requires: ALL.at(-1)!,
      up: async (migrated) => await migrated.schema.createTable("tenants").addColumn("id", "text").execute(),
    },
  });
  await assert.rejects(
    migrateToLatest(db, { provider: broken }),
    (error: Error) => withCode("migration_failed", /"?tenants"? already exists/)(error) && error.cause instanceof Error,
  );
  const tables = await db.introspection.getTables();
  assert.ok(!tables.some(({ name }) => name === "gadgets"));
  assert.deepEqual(await migrateToLatest(db), []);
});

testOnDatabaseUrls("migrateToLatest() gives a migration more time than a query has", async (url) => {
  await using db = openDatabase({ url });
  await migrateToLatest(db);
  if (url.startsWith("sqlite:")) return;
  const timeouts: string[] = [];
  const curious = later({
    "9000_curious": {
      requires: ALL.at(-1)!,
      up: async (migrated) => {
        const { rows } = await sql<{ statement_timeout: string }>`show statement_timeout`.execute(migrated);
        timeouts.push(rows[0]!.statement_timeout);
      },
    },
  });
  await migrateToLatest(db, { provider: curious });
  const { rows } = await sql<{ statement_timeout: string }>`show statement_timeout`.execute(db);
  assert.deepEqual([...timeouts, rows[0]!.statement_timeout], ["1h", "10s"]);
});

Deno.test("every migration since 0003 says which migration of the release before it requires", () => {
  for (const [index, [name, { requires }]] of Object.entries(MIGRATIONS).entries()) {
    if (name < "0003") continue;
    assert.ok(requires !== undefined && ALL.slice(0, index).includes(requires), name);
  }
});
