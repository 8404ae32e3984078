import assert from "node:assert/strict";
import { join } from "node:path";
import { sql } from "kysely";
import { openDatabase } from "./database.ts";
import { MEMORY_DATABASE_URL } from "./database_url.ts";
import type { Database } from "./schema.ts";
import { SqliteCheckpoints } from "./sqlite_checkpoints.ts";
import { temporaryFolder } from "./testing.ts";

const MIB = 1024 * 1024;

Deno.test("SqliteCheckpoints brings a long log into the file, where SQLite left it alone, and a short one not", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  const url = `sqlite:${path}`;
  await using db = openDatabase({ url });
  using checkpoints = await SqliteCheckpoints.start(db, url);
  assert.ok(checkpoints !== undefined);
  await write(db, { mebibytes: 1 });
  await checkpoints.checkpoint();
  assert.ok(Deno.statSync(path).size < MIB);
  await write(db, { mebibytes: 8 });
  assert.ok(Deno.statSync(path).size < MIB);
  await checkpoints.checkpoint();
  assert.ok(Deno.statSync(path).size > 9 * MIB);
  // The log begins anew.
  const { size } = Deno.statSync(`${path}-wal`);
  await write(db, { mebibytes: 8 });
  await checkpoints.checkpoint();
  assert.ok(Deno.statSync(path).size > 17 * MIB);
  assert.ok(Deno.statSync(`${path}-wal`).size < size + MIB);
});

Deno.test("SqliteCheckpoints does not wait for whoever reads or writes, nor they for it", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  const url = `sqlite:${path}`;
  await using db = openDatabase({ url });
  await using other = openDatabase({ url });
  using checkpoints = await SqliteCheckpoints.start(db, url);
  await write(db, { mebibytes: 8 });
  await other.transaction().execute(async (transaction) => {
    await sql`insert into blobs values (zeroblob(1))`.execute(transaction);
    await checkpoints?.checkpoint();
    assert.ok(Deno.statSync(path).size > 8 * MIB);
  });
  const { rows } = await sql`select 1 from blobs`.execute(db);
  assert.equal(rows.length, 9);
});

Deno.test("SqliteCheckpoints ends with a checkpoint under way", async () => {
  using folder = temporaryFolder();
  const url = `sqlite:${join(folder.path, "relay.db")}`;
  await using db = openDatabase({ url });
  const checkpoints = await SqliteCheckpoints.start(db, url);
  await write(db, { mebibytes: 8 });
  const checkpoint = checkpoints?.checkpoint();
  checkpoints?.[Symbol.dispose]();
  await checkpoint;
});

Deno.test("SqliteCheckpoints has nothing to do without a file of SQLite", async () => {
  await using db = openDatabase({ url: MEMORY_DATABASE_URL });
  assert.equal(await SqliteCheckpoints.start(db, MEMORY_DATABASE_URL), undefined);
  assert.equal(await SqliteCheckpoints.start(db, "postgres://relay@127.0.0.1/relay"), undefined);
});

async function write(db: Database, { mebibytes }: { readonly mebibytes: number }): Promise<void> {
  await sql`create table if not exists blobs (bytes blob)`.execute(db);
  for (let count = 0; count < mebibytes; count++) {
    await sql`insert into blobs values (randomblob(${MIB}))`.execute(db);
  }
}
