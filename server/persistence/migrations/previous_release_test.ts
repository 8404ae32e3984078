import assert from "node:assert/strict";
import { CompiledQuery, PostgresAdapter } from "kysely";
import { openDatabase } from "../database.ts";
import { migrateToLatest } from "../migrate.ts";
import type { Database } from "../schema.ts";
import { TenantRepository } from "../tenants.ts";
import { testOnDatabaseUrls } from "../testing.ts";
import { asKyselyMigrations, MIGRATIONS } from "./provider.ts";
import statements from "./0002_statements.json" with { type: "json" };

/**
 * What the release before this schema knows. `0002_statements.json` has every statement of its repositories with parameters, in an order in which each
 * finds what it needs, as Kysely logged them.
 */
const PREVIOUS = ["0001_tenants", "0002_signing_keys"];

type Row = Record<string, unknown>;

async function migrateToPrevious(db: Database): Promise<void> {
  const migrations = Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => PREVIOUS.includes(name)));
  const provider = { getMigrations: () => Promise.resolve(asKyselyMigrations(migrations)) };
  assert.deepEqual(await migrateToLatest(db, { provider }), PREVIOUS);
}

interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Runs a statement of the previous release. */
async function run(db: Database, { sql, parameters }: Statement): Promise<Row[]> {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter;
  let count = 0;
  const text = isPostgres ? sql.replaceAll("?", () => `$${++count}`) : sql;
  return (await db.executeQuery(CompiledQuery.raw(text, [...parameters]))).rows as Row[];
}

async function runAll(db: Database): Promise<Row[][]> {
  const results: Row[][] = [];
  for (const statement of statements) results.push(await run(db, statement));
  return results;
}

function pick(row: Row, keys: readonly string[]): Row {
  return Object.fromEntries(keys.map((key) => [key, row[key]]));
}

testOnDatabaseUrls("the previous release's statements mean on this schema what they meant on its own", async (url) => {
  await using db = openDatabase({ url });
  await migrateToPrevious(db);
  const before = await runAll(db);
  await migrateToLatest(db);
  const after = await runAll(db);
  assert.ok(before.flat().length > 10);
  for (const [index, rows] of before.entries()) {
    const known = after[index]!.map((row, place) => pick(row, Object.keys(rows[place] ?? {})));
    assert.deepEqual(known, rows.map((row) => ({ ...row })), statements[index]!.sql);
  }
});

testOnDatabaseUrls(
  "a tenant of the previous release is there after the migration, and one it adds later too",
  async (url) => {
    await using db = openDatabase({ url });
    await migrateToPrevious(db);
    const [insert] = statements;
    await run(db, insert!);
    await migrateToLatest(db);
    const later = insert!.parameters.map((value) => {
      if (value === "Acme") return "Later";
      if (value === "acme") return "later";
      return typeof value === "string" && value.length === 36 ? crypto.randomUUID() : value;
    });
    await run(db, { ...insert!, parameters: later });
    const { results } = await new TenantRepository(db, Date.now).list();
    assert.deepEqual(results.map(({ name, version, enableTracing }) => [name, version, enableTracing]), [
      ["Acme", 1, true],
      ["Later", 1, true],
    ]);
  },
);
