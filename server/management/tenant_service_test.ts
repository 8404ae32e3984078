import assert from "node:assert/strict";
import { sql } from "kysely";
import { findPostgres } from "../../tests/testkit/postgres.ts";
import { polled } from "../../tests/testkit/polled.ts";
import { type Database, migrateToLatest, openDatabase } from "../persistence/mod.ts";
import { storedRequest } from "../persistence/testing.ts";
import { COMMAND_ACTOR } from "./audit_trail.ts";
import { RecordingService } from "./recordings/recording_service.ts";
import { SecretService } from "./secret_service.ts";
import { createStore, type Repositories } from "./store.ts";
import { TenantService } from "./tenant_service.ts";

const postgres = await findPostgres();
const EVENTS = { tenantChanged: () => {}, tenantRemoved: () => {}, secretRemoved: () => {} };

/** Registers a test of two origins that write at the same time, which SQLite has do it one after the other. */
function testOfTwoOrigins(name: string, run: (db: Database) => Promise<void>): void {
  Deno.test({
    name: postgres.label(`${name} (PostgreSQL)`),
    ignore: postgres.isSkipped,
    fn: async () => {
      await using database = await postgres.createDatabase();
      await using db = openDatabase({ url: database.url });
      await migrateToLatest(db);
      await run(db);
    },
  });
}

/** Does something in a transaction of its own, in which something else begins that has to wait for it. */
async function whileOpen<T>(
  db: Database,
  work: (repositories: Repositories) => Promise<unknown>,
  waits: () => Promise<T>,
): Promise<PromiseSettledResult<T>> {
  const waiting = await createStore(db, Date.now).transaction(async (repositories) => {
    await work(repositories);
    const settled = Promise.allSettled([waits()]);
    await polled(() => countWaiting(db), { until: (count) => count > 0, what: "the other origin waits" });
    return { settled };
  });
  return (await waiting.settled)[0];
}

async function countWaiting(db: Database): Promise<number> {
  const { rows } = await sql<{ waiting: number }>`
    select count(*) as waiting from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
  return rows[0]!.waiting;
}

testOfTwoOrigins("remove() loses no request that another origin stores at the same time", async (db) => {
  const store = createStore(db, Date.now);
  const { id } = await store.tenants.insert("acme");
  const request = storedRequest({ tenantId: id });
  const tenants = new TenantService({ store, events: EVENTS });
  const removal = await whileOpen(
    db,
    ({ stored }) => stored.insertMany([request]),
    () => tenants.remove("acme", { actor: COMMAND_ACTOR }),
  );
  assert.equal(removal.status === "rejected" && removal.reason.code, "queue_not_empty");
  assert.deepEqual(await store.stored.count(id), { queued: 1, dead: 0 });
});

testOfTwoOrigins("create() of a secret says that the tenant is gone that another origin removes", async (db) => {
  const store = createStore(db, Date.now);
  const { id } = await store.tenants.insert("acme");
  const secrets = new SecretService({ store, events: EVENTS });
  const creation = await whileOpen(
    db,
    ({ tenants }) => tenants.remove(id),
    () => secrets.create("acme", { input: { use: "connector" }, actor: COMMAND_ACTOR }),
  );
  assert.equal(creation.status === "rejected" && creation.reason.code, "tenant_unknown");
});

testOfTwoOrigins("start() of a recording counts those that other origins start at the same time", async (db) => {
  const store = createStore(db, Date.now);
  await store.tenants.insert("acme");
  const recordings = new RecordingService({
    store,
    recordingsChanged: () => Promise.resolve(),
    limits: { maxDurationMs: 60_000, maxRequests: 1, maxBytes: 1 },
    address: { publicUrl: undefined, scheme: "http" },
    now: Date.now,
  });
  const started = await Promise.allSettled(
    Array.from({ length: 10 }, () => recordings.start("acme", { input: { duration: 60_000 }, actor: COMMAND_ACTOR })),
  );
  assert.equal(started.filter(({ status }) => status === "fulfilled").length, 5);
});
