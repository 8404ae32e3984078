/**
 * Pages of lists stay quick however long the lists are: the plans that the databases make for them read an index in its order and sort nothing.
 */

import assert from "node:assert/strict";
import { CompiledQuery, Kysely, type LogEvent, sql } from "kysely";
import { findPostgres } from "../../tests/testkit/postgres.ts";
import { AuditRepository } from "./audit.ts";
import { migrateToLatest } from "./migrate.ts";
import { RelayPostgresDialect } from "./postgres_dialect.ts";
import { RecordingRepository } from "./recordings.ts";
import { RequestLogRepository } from "./request_log.ts";
import type { Database, Schema } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";
import { NodeSqliteDialect } from "./sqlite_dialect.ts";
import { StatisticsRepository } from "./statistics.ts";
import { StoredRequestRepository } from "./stored_requests.ts";
import { TenantRepository } from "./tenants.ts";

const postgres = await findPostgres();

const FAILURES = ["failed", "expired", "errored", "aborted"] as const;
const RANGE = { fromMs: 0, toMs: 60_000_000, resolutionMs: 60_000 };

/** The primary key. */
const REQUESTS_BY_ID = /requests_pkey|sqlite_autoindex_requests_1/;

interface Case {
  /** Reads a page. */
  readonly read: (db: Database) => Promise<unknown>;
  /** The index that all its queries read; those that count may read anything when `countsAll` is set. */
  readonly index: RegExp;
  readonly countsAll?: boolean;
  /** Set when the result is grouped: a few groups are sorted quickly. */
  readonly isGrouped?: boolean;
}

const CASES: Readonly<Record<string, Case>> = {
  "a tenant by its name": {
    read: (db) => new TenantRepository(db, Date.now).findByName("acme"),
    index: /tenants_name_key_key|sqlite_autoindex_tenants_2/,
  },
  "a page of tenants": {
    read: (db) => new TenantRepository(db, Date.now).list({ skip: 20, take: 10 }),
    index: /tenants_name_key_key|sqlite_autoindex_tenants_2/,
    countsAll: true,
  },
  "a page of the tenants that a search finds": {
    read: (db) => new TenantRepository(db, Date.now).list({ search: "cm", take: 10 }),
    index: /tenants_name_key_key|sqlite_autoindex_tenants_2/,
    countsAll: true,
  },
  "the tenants that have changed": {
    read: (db) => new TenantRepository(db, Date.now).listChangedSince(5),
    index: /tenants_updated_at/,
  },
  "the newest requests": {
    read: (db) => new RequestLogRepository(db).find({ take: 10 }),
    index: REQUESTS_BY_ID,
    countsAll: true,
  },
  "the newest requests of a time with a status": {
    read: (db) => new RequestLogRepository(db).find({ filter: { fromMs: 1, toMs: 9, minimumStatus: 500 }, take: 10 }),
    index: REQUESTS_BY_ID,
  },
  "the newest requests of a tenant": {
    read: (db) => new RequestLogRepository(db).find({ filter: { tenantId: "t", path: "/a" }, take: 10 }),
    index: /requests_of_tenant\b/,
  },
  "the newest requests of a tenant and a time with a status": {
    read: (db) =>
      new RequestLogRepository(db).find({
        filter: { tenantId: "t", fromMs: 1, toMs: 9, minimumStatus: 500 },
        take: 10,
      }),
    index: /requests_of_tenant\b/,
  },
  "the newest requests that failed": {
    read: (db) => new RequestLogRepository(db).find({ filter: { outcomes: FAILURES }, take: 10 }),
    index: /requests_not_succeeded/,
  },
  "the newest requests of a tenant that failed": {
    read: (db) => new RequestLogRepository(db).find({ filter: { tenantId: "t", outcomes: ["failed"] }, take: 10 }),
    index: /requests_not_succeeded_of_tenant\b/,
  },
  "the oldest requests, to prune them": {
    read: (db) => new RequestLogRepository(db).prune(9, 100),
    index: REQUESTS_BY_ID,
  },
  "statistics of a tenant": {
    read: (db) => new StatisticsRepository(db).find({ ...RANGE, tenantId: "t" }),
    index: /statistics_of_tenant\b/,
    isGrouped: true,
  },
  "statistics of all": {
    read: (db) => new StatisticsRepository(db).find(RANGE),
    index: /statistics_interval_start\b/,
    isGrouped: true,
  },
  "the recordings that run": {
    read: (db) => new RecordingRepository(db, Date.now).listActive(),
    index: /recordings_(?:running|ends_at)\b/,
  },
  "the newest recordings of a tenant": {
    read: (db) => new RecordingRepository(db, Date.now).list("t", { take: 10 }),
    index: /recordings_newest_of_tenant\b/,
  },
  "a page of the requests of a recording": {
    read: (db) => new RecordingRepository(db, Date.now).listRequests({ recordingId: "r", skip: 10, take: 10 }),
    index: /recorded_requests_of_recording\b/,
  },
  "where a request was recorded": {
    read: (db) => new RecordingRepository(db, Date.now).findByRequest("t", { requestId: "r", startedAt: 5 }),
    index: /recorded_requests_of_recording\b/,
    isGrouped: true,
  },
  "the oldest stored requests of a tenant that are due": {
    read: (db) => new StoredRequestRepository(db).claim("t", { holder: "h", limit: 10, nowMs: 5 }),
    index: /stored_requests_of_tenant\b/,
  },
  "how much a tenant has stored": {
    read: (db) => new StoredRequestRepository(db).count("t"),
    index: /stored_requests_of_tenant\b/,
    isGrouped: true,
  },
  "the newest changes": {
    read: (db) => new AuditRepository(db, Date.now).find({ take: 10 }),
    index: /audit_newest\b/,
    countsAll: true,
  },
  "the newest changes of a subject": {
    read: (db) => new AuditRepository(db, Date.now).find({ filter: { subjectId: "s" }, take: 10 }),
    index: /audit_newest_of_subject\b/,
  },
};

/** Runs something and gives the queries that it sent. */
async function queriesOf(read: () => Promise<unknown>, sent: CompiledQuery[]): Promise<CompiledQuery[]> {
  sent.length = 0;
  await read();
  return sent.filter(({ sql }) => /^(select|delete|update)/.test(sql));
}

async function checkPlans(
  db: Database,
  sent: CompiledQuery[],
  explain: (query: CompiledQuery) => Promise<string>,
): Promise<void> {
  for (const [name, { read, index, countsAll = false, isGrouped = false }] of Object.entries(CASES)) {
    const queries = await queriesOf(() => read(db), sent);
    assert.ok(queries.length > 0, name);
    for (const query of queries) {
      if (countsAll && query.sql.includes("count(*)")) continue;
      const plan = await explain(query);
      const message = `${name}\n${query.sql}\n${plan}`;
      assert.match(plan, index, message);
      assert.doesNotMatch(plan, /"Seq Scan"|SCAN \w+(?! USING)\b(?!.)/, message);
      if (!isGrouped) assert.doesNotMatch(plan, /"(?:Incremental )?Sort"|TEMP B-TREE FOR ORDER BY/, message);
    }
  }
}

Deno.test("SQLite reads pages from an index (SQLite)", async () => {
  const sent: CompiledQuery[] = [];
  const log = ({ query }: LogEvent) => void sent.push(query);
  await using db = new Kysely<Schema>({ dialect: new NodeSqliteDialect(openSqlite(":memory:")), log });
  await migrateToLatest(db);
  await checkPlans(db, sent, async (query) => {
    const { rows } = await db.executeQuery<{ detail: string }>(
      CompiledQuery.raw(`explain query plan ${query.sql}`, [...query.parameters]),
    );
    return rows.map(({ detail }) => detail).join("\n");
  });
});

Deno.test({
  name: postgres.label("PostgreSQL reads pages from an index (PostgreSQL)"),
  ignore: postgres.isSkipped,
  fn: async () => {
    await using database = await postgres.createDatabase();
    const sent: CompiledQuery[] = [];
    const log = ({ query }: LogEvent) => void sent.push(query);
    const dialect = new RelayPostgresDialect({ url: database.url, maximumConnections: 1 });
    await using db = new Kysely<Schema>({ dialect, log });
    await migrateToLatest(db);
    // An empty table is read as it lies, whatever there is. What is left when that is made dear is what a full one gets.
    for (const node of ["seqscan", "bitmapscan", "sort"]) await sql`set ${sql.raw(`enable_${node}`)} = off`.execute(db);
    await checkPlans(db, sent, async (query) => {
      const { rows } = await db.executeQuery(CompiledQuery.raw(`explain (format json) ${query.sql}`, [
        ...query.parameters,
      ]));
      return JSON.stringify(rows[0], null, 1);
    });
  },
});
