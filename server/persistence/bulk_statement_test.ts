import assert from "node:assert/strict";
import { BulkStatement } from "./bulk_statement.ts";
import { openDatabase } from "./database.ts";
import { MEMORY_DATABASE_URL } from "./database_url.ts";
import { migrateToLatest } from "./migrate.ts";
import type { QueryObserver } from "./query_observer.ts";
import type { Database, LeaseTable } from "./schema.ts";
import { testOnDatabases } from "./testing.ts";

/** Inserts leases of these names, and notes for how many it was compiled. */
function insertOf(db: Database) {
  const compiledFor: number[] = [];
  const toRow = (name: string): LeaseTable => ({ name, holder: "a", expires_at: 1 });
  const insert = new BulkStatement<string>(db, {
    compile: (names) => {
      compiledFor.push(names.length);
      return db.insertInto("leases").values(names.map(toRow)).compile();
    },
    appendValues: (values, name) => values.push(...Object.values(toRow(name))),
  });
  return { insert, compiledFor };
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(3, "0")}`);
}

async function storedNames(db: Database): Promise<string[]> {
  const rows = await db.selectFrom("leases").select("name").orderBy("name").execute();
  return rows.map(({ name }) => name);
}

testOnDatabases("run() takes any number of items, and compiles once for each length", async (db) => {
  const { insert, compiledFor } = insertOf(db);
  await insert.run([]);
  await insert.run(names("a", 3));
  await insert.run(names("b", 3));
  await insert.run(names("c", 275));
  await insert.run(names("d", 147));
  assert.deepEqual(await storedNames(db), [
    ...names("a", 3),
    ...names("b", 3),
    ...names("c", 275),
    ...names("d", 147),
  ]);
  assert.deepEqual(compiledFor, [3, 128, 16]);
});

testOnDatabases("run() leaves nothing of what it could not do whole", async (db) => {
  const { insert } = insertOf(db);
  await insert.run(["taken"]);
  await assert.rejects(insert.run([...names("a", 130), "taken"]), { code: "query_failed" });
  assert.deepEqual(await storedNames(db), ["taken"]);
});

Deno.test("run() begins a transaction only for several statements", async () => {
  let answers = 0;
  const observer: QueryObserver = {
    mayAsk: () => true,
    answered: () => void answers++,
    unavailable: () => {},
    connectionLost: () => {},
  };
  await using db = openDatabase({ url: MEMORY_DATABASE_URL, observer });
  await migrateToLatest(db);
  const { insert } = insertOf(db);
  answers = 0;
  await insert.run(names("a", 128));
  assert.equal(answers, 1);
  await insert.run(names("b", 129));
  assert.equal(answers, 1 + 4, "begin, 128, 1, commit");
});
