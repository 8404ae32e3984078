import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDatabase } from "./database.ts";
import { migrateToLatest } from "./migrate.ts";
import { MIGRATIONS } from "./migrations/provider.ts";
import { temporaryFolder } from "./testing.ts";

const ALL = Object.keys(MIGRATIONS);

Deno.test("migrateToLatest() runs every migration once when it is called twice", async () => {
  await using db = openDatabase({ path: ":memory:" });
  assert.deepEqual(await migrateToLatest(db), ALL);
  assert.deepEqual(await migrateToLatest(db), []);
});

Deno.test("migrateToLatest() runs every migration once when two connections to one file start at once", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  await using one = openDatabase({ path });
  await using two = openDatabase({ path });
  const ran = await Promise.all([migrateToLatest(one), migrateToLatest(two)]);
  assert.deepEqual(ran.flat(), ALL);
});

Deno.test("migrateToLatest() runs every migration once when several programs start at once", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  const script = `
    import { openDatabase } from ${JSON.stringify(import.meta.resolve("./database.ts"))};
    import { migrateToLatest } from ${JSON.stringify(import.meta.resolve("./migrate.ts"))};
    await using db = openDatabase({ path: Deno.args[0] });
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(await migrateToLatest(db))));
  `;
  const config = fileURLToPath(import.meta.resolve("../../deno.json"));
  const start = () =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-read", "--allow-write", "--config", config, scriptUrl(script), path],
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

Deno.test("migrateToLatest() refuses a schema that a newer program has written, and leaves it alone", async () => {
  await using db = openDatabase({ path: ":memory:" });
  await migrateToLatest(db);
  const newer = { name: "9999_teleport", timestamp: new Date().toISOString() };
  await db.insertInto("kysely_migration").values(newer).execute();
  await db.deleteFrom("kysely_migration").where("name", "=", ALL.at(-1)!).execute();
  await assert.rejects(
    migrateToLatest(db),
    (error: Error & { code?: string }) =>
      error.code === "schema_newer" && /"9999_teleport" is newer than this program/.test(error.message),
  );
  const { length } = await db.selectFrom("kysely_migration").selectAll().execute();
  assert.equal(length, ALL.length);
});

Deno.test("migrateToLatest() changes nothing when a migration fails", async () => {
  await using db = openDatabase({ path: ":memory:" });
  await db.schema.createTable("signing_keys").addColumn("in_the_way", "text").execute();
  await assert.rejects(
    migrateToLatest(db),
    (error: Error & { code?: string }) =>
      error.code === "migration_failed" && /signing_keys/.test(error.message) && error.cause instanceof Error,
  );
  const tables = await db.introspection.getTables();
  assert.deepEqual(tables.map((table) => table.name), ["signing_keys"]);
});
