import assert from "node:assert/strict";
import { join } from "node:path";
import { sql } from "kysely";
import pg from "pg";
import { makeCertificate } from "../../tests/testkit/certificate.ts";
import { within } from "../../tests/testkit/deadline.ts";
import { polled } from "../../tests/testkit/polled.ts";
import { findPostgres } from "../../tests/testkit/postgres.ts";
import { startPostgresTls } from "../../tests/testkit/postgres_tls.ts";
import { requireCommands } from "../../tests/testkit/requirement.ts";
import { TcpRelay } from "../../tests/testkit/tcp_relay.ts";
import { openDatabase } from "./database.ts";
import { PersistenceError } from "./errors.ts";
import { RelayPostgresPool } from "./postgres_pool.ts";
import type { QueryObserver } from "./query_observer.ts";
import type { Database } from "./schema.ts";
import { temporaryFolder } from "./testing.ts";

const postgres = await findPostgres();
const openssl = await requireCommands(["openssl"], { requirement: "postgres" });

/** Counts what it hears. */
class CountingObserver implements QueryObserver {
  answers = 0;
  losses = 0;
  readonly errors: string[] = [];
  isAway = false;
  readonly #lost = Promise.withResolvers<void>();

  mayAsk(): boolean {
    return !this.isAway;
  }

  answered(): void {
    this.answers++;
  }

  unavailable(error: PersistenceError): void {
    this.errors.push(error.message);
  }

  connectionLost(): void {
    this.losses++;
    this.#lost.resolve();
  }

  get lost(): Promise<void> {
    return this.#lost.promise;
  }
}

/** Registers a test with a database of its own. */
function testPostgres(name: string, test: (url: string) => Promise<void>): void {
  Deno.test({
    name: postgres.label(name),
    ignore: postgres.isSkipped,
    fn: async () => {
      await using database = await postgres.createDatabase();
      await test(database.url);
    },
  });
}

const hasCode = (code: string) => (error: Error & { code?: string }) =>
  error instanceof PersistenceError && error.code === code && error.cause instanceof Error;

async function backendPid(db: Database): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
  return rows[0]!.pid;
}

/** A query that the database has and never answers. */
interface HangingQuery extends AsyncDisposable {
  /** Resolves when it has failed as a query does whose connection is gone. */
  readonly failed: Promise<void>;
}

/** Sends a query that wants a lock, which another connection holds, and waits until it waits for it. */
async function startHangingQuery(db: Database, url: string): Promise<HangingQuery> {
  await using resources = new AsyncDisposableStack();
  const holder = new pg.Client(url);
  await holder.connect();
  resources.defer(() => holder.end());
  await holder.query("select pg_advisory_lock(1)");
  const failed = assert.rejects(sql`select pg_advisory_lock(1)`.execute(db), hasCode("database_unavailable"));
  const waiting = () =>
    holder.query(
      `select 1 from pg_locks join pg_database on pg_database.oid = pg_locks.database
      where datname = current_database() and locktype = 'advisory' and not granted`,
    );
  await polled(waiting, { until: ({ rowCount }) => rowCount === 1, what: "a query that waits for the lock" });
  const kept = resources.move();
  return { failed, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Ends a connection from the server's side, as a restart of the database does. */
async function terminate(url: string, pid: number): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query("select pg_terminate_backend($1, 5000)", [pid]);
  await client.end();
}

testPostgres("a query that the database refuses is query_failed, and the connection lives on", async (url) => {
  const observer = new CountingObserver();
  await using db = openDatabase({ url, maximumConnections: 1, observer });
  const pid = await backendPid(db);
  await assert.rejects(sql`select * from nowhere`.execute(db), hasCode("query_failed"));
  assert.equal(await backendPid(db), pid);
  assert.deepEqual([observer.answers, observer.errors], [3, []]);
});

testPostgres("whole numbers of 64 bits are numbers", async (url) => {
  await using db = openDatabase({ url });
  const { rows } = await sql<{ value: number }>`select 9007199254740991::bigint as value`.execute(db);
  assert.equal(rows[0]?.value, Number.MAX_SAFE_INTEGER);
});

testPostgres("no more connections are made than are allowed", async (url) => {
  await using db = openDatabase({ url, maximumConnections: 2 });
  const pids = await Promise.all(Array.from({ length: 20 }, () => backendPid(db)));
  assert.ok(new Set(pids).size <= 2);
});

testPostgres("a connection that the database ends while nobody uses it does no harm", async (url) => {
  const observer = new CountingObserver();
  await using db = openDatabase({ url, maximumConnections: 1, observer });
  const pid = await backendPid(db);
  await terminate(url, pid);
  await observer.lost;
  assert.notEqual(await backendPid(db), pid);
});

testPostgres("a connection that ends under a query fails that query only", async (url) => {
  const observer = new CountingObserver();
  await using db = openDatabase({ url, maximumConnections: 1, observer });
  const pid = await backendPid(db);
  await using hanging = await startHangingQuery(db, url);
  await terminate(url, pid);
  await hanging.failed;
  assert.equal(observer.errors.length, 1);
  assert.notEqual(await backendPid(db), pid);
});

testPostgres("a connection that ends in a transaction fails it, and nothing of it is done", async (url) => {
  await using db = openDatabase({ url, maximumConnections: 2 });
  await sql`create table things (id integer)`.execute(db);
  const running = db.transaction().execute(async (transaction) => {
    await sql`insert into things values (1)`.execute(transaction);
    await terminate(url, await backendPid(transaction));
    await sql`insert into things values (2)`.execute(transaction);
  });
  await assert.rejects(running, hasCode("database_unavailable"));
  const { rows } = await sql`select * from things`.execute(db);
  assert.deepEqual(rows, []);
});

testPostgres("a query without an answer fails, and so do connections made before, but not later ones", async (url) => {
  const { hostname, port } = new URL(url);
  await using network = await TcpRelay.start({ hostname, port: Number(port || 5432) });
  const address = new URL(url);
  address.port = String(network.port);
  const observer = new CountingObserver();
  const pool = new RelayPostgresPool({ url: address.href, maximumConnections: 2, observer });
  try {
    const [one, two] = [await pool.connect(), await pool.connect()];
    two.release();
    pool.answerTimeoutMs = 50;
    network.pause();
    await assert.rejects(one.query("select 1", []), /no answer within 0\.05 s/);
    one.release();
    network.resume();
    pool.answerTimeoutMs = undefined;
    const three = await pool.connect();
    const { rows } = await three.query<{ count: number }>(
      "select count(*) as count from pg_stat_activity where datname = current_database()",
      [],
    );
    three.release();
    assert.ok((rows[0]?.count ?? 0) >= 1);
    assert.equal(observer.errors.length, 1);
  } finally {
    await pool.end();
  }
});

testPostgres("destroy() does not wait for a query that runs on", async (url) => {
  const db = openDatabase({ url });
  await using hanging = await startHangingQuery(db, url);
  await within(db.destroy(), { timeoutMs: 5_000, what: "the end of the pool" });
  await hanging.failed;
});

testPostgres(
  "while the database is known to be away queries fail at once and say nothing to the observer",
  async (url) => {
    const observer = new CountingObserver();
    await using db = openDatabase({ url, observer });
    observer.isAway = true;
    await assert.rejects(backendPid(db), /Cannot reach database "postgres:.*": it is away/);
    assert.deepEqual([observer.answers, observer.errors], [0, []]);
  },
);

testPostgres("a wrong database is told of without the password", async (url) => {
  const wrong = new URL(url);
  wrong.password = "hunter2";
  wrong.pathname = "/nowhere_at_all";
  await using db = openDatabase({ url: wrong.href });
  await assert.rejects(backendPid(db), (error: Error) => {
    assert.match(error.message, /^Cannot reach database "postgres:\/\/[^"]+\/nowhere_at_all": .*does not exist/);
    assert.doesNotMatch(Deno.inspect(error), /hunter2/);
    return true;
  });
});

Deno.test({
  name: postgres.label("sslmode decides whether the connection is encrypted, and whom it trusts"),
  ignore: postgres.isSkipped || openssl.isSkipped,
  fn: async () => {
    await using database = await postgres.createDatabase();
    using folder = temporaryFolder();
    const { caFile, certFile, keyFile } = await makeCertificate(folder.path, openssl.path("openssl"));
    const address = new URL(database.url);
    await using server = await startPostgresTls(
      { hostname: address.hostname, port: Number(address.port || 5432) },
      { cert: await Deno.readTextFile(certFile), key: await Deno.readTextFile(keyFile) },
    );
    const connects = async (hostname: string, parameters: string) => {
      address.hostname = hostname;
      address.port = String(server.port);
      address.search = parameters;
      await using db = openDatabase({ url: address.href });
      return await backendPid(db).then(() => "connected", (error: Error) => error.message);
    };
    const authority = `sslrootcert=${encodeURIComponent(caFile)}`;
    assert.equal(await connects("127.0.0.1", "sslmode=require"), "connected");
    assert.equal(await connects("localhost", `sslmode=verify-full&${authority}`), "connected");
    assert.equal(await connects("127.0.0.1", `sslmode=verify-full&${authority}`), "connected");
    assert.equal(await connects("127.0.0.2", `sslmode=verify-ca&${authority}`), "connected");
    assert.match(
      await connects("127.0.0.2", `sslmode=verify-full&${authority}`),
      /Cannot reach database .*127\.0\.0\.2/,
    );
    assert.match(await connects("127.0.0.1", "sslmode=verify-full"), /certificate/);
    assert.match(await connects("127.0.0.1", "sslmode=disable"), /Cannot reach database/);
    const missing = join(folder.path, "missing.pem");
    assert.match(await connects("127.0.0.1", `sslmode=verify-ca&sslrootcert=${missing}`), /missing\.pem/);
  },
});
