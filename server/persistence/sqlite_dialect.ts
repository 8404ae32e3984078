/**
 * Kysely's SQLite dialect over `node:sqlite`, for a file that several programs use at once.
 *
 * A writer that meets another one waits. `node:sqlite` can only wait by blocking the event loop, and with it every relayed request, so it does
 * that for a moment only; longer waits are asynchronous. Transactions take the write lock at their start: one that reads first and then finds
 * that somebody else has written in between could not be repeated from here.
 *
 * @module
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
} from "kysely";
import { PersistenceError, reasonOf } from "./errors.ts";
import type { QueryObserver } from "./query_observer.ts";

/** How long a statement waits for other writers, in all. */
const BUSY_TIMEOUT_MS = 5_000;
/** How long of that at a time with the event loop blocked. */
const BLOCKING_BUSY_TIMEOUT_MS = 20;
const BUSY_RETRY_DELAY_MS = 5;
/** SQLite's primary result code for "database is locked". */
const SQLITE_BUSY = 5;
/** Those of a file that cannot be read or written now: locked for too long, read-only, disk error, corrupt, disk full, cannot open, not a database. */
const SQLITE_UNAVAILABLE = [SQLITE_BUSY, 8, 10, 11, 13, 14, 26];
/** SQLite's extended result code for a row that belongs to one that is not there. */
const SQLITE_CONSTRAINT_FOREIGNKEY = 787;
/** Every query is built by this program, so there are few texts; the limit only guards against one that is built from values. */
const MAX_CACHED_STATEMENTS = 500;

/** A Kysely dialect for one open SQLite database, which it owns from then on. */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;
  readonly #observer: QueryObserver | undefined;

  /**
   * @param database Closed when the Kysely instance is destroyed.
   * @param observer Hears whether the database answers.
   */
  constructor(database: DatabaseSync, observer?: QueryObserver) {
    const config = { database: asSqliteDatabase(database) };
    super(config);
    this.#config = config;
    this.#observer = observer;
    database.exec(`PRAGMA busy_timeout = ${BLOCKING_BUSY_TIMEOUT_MS}`);
  }

  override createDriver(): Driver {
    return new NodeSqliteDriver(this.#config, this.#observer);
  }

  override createAdapter(): SqliteAdapter {
    return new NodeSqliteAdapter();
  }
}

class NodeSqliteAdapter extends SqliteAdapter {
  /** SQLite can do it; with it the migrator runs in one transaction, which keeps two programs that migrate at once apart. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class NodeSqliteDriver extends SqliteDriver {
  readonly #observer: QueryObserver | undefined;
  #connection: DatabaseConnection | undefined;

  constructor(config: SqliteDialectConfig, observer: QueryObserver | undefined) {
    super(config);
    this.#observer = observer;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#connection ??= new WaitingConnection(await super.acquireConnection(), this.#observer);
    return this.#connection;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
}

class WaitingConnection implements DatabaseConnection {
  readonly #connection: DatabaseConnection;
  readonly #observer: QueryObserver | undefined;

  constructor(connection: DatabaseConnection, observer: QueryObserver | undefined) {
    this.#connection = connection;
    this.#observer = observer;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const deadline = performance.now() + BUSY_TIMEOUT_MS;
    while (true) {
      try {
        const result = await this.#connection.executeQuery<R>(query);
        this.#observer?.answered();
        return result;
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadline) throw this.#failed(error);
      }
      await setTimeout(BUSY_RETRY_DELAY_MS);
    }
  }

  #failed(error: unknown): PersistenceError {
    const failure = asPersistenceError(error);
    if (failure.code === "database_unavailable") this.#observer?.unavailable(failure);
    else this.#observer?.answered();
    return failure;
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.#connection.streamQuery<R>(query, chunkSize);
  }
}

function isBusy(error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY;
}

/** SQLite's primary result code. */
function resultCode(error: unknown): number | undefined {
  const extended = extendedResultCode(error);
  return extended === undefined ? undefined : extended & 0xff;
}

function extendedResultCode(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) : undefined;
}

function asPersistenceError(error: unknown): PersistenceError {
  if (SQLITE_UNAVAILABLE.includes(resultCode(error) ?? 0)) {
    return new PersistenceError("database_unavailable", `Cannot use database: ${reasonOf(error)}`, { cause: error });
  }
  const code = extendedResultCode(error) === SQLITE_CONSTRAINT_FOREIGNKEY ? "owner_missing" : "query_failed";
  return new PersistenceError(code, `Cannot run query: ${reasonOf(error)}`, { cause: error });
}

function asSqliteDatabase(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, ReturnType<SqliteDatabase["prepare"]>>();
  return {
    close: () => database.close(),
    prepare(text) {
      let statement = statements.get(text);
      if (statement === undefined) {
        if (statements.size >= MAX_CACHED_STATEMENTS) statements.clear();
        statement = asSqliteStatement(database.prepare(text));
        statements.set(text, statement);
      }
      return statement;
    },
  };
}

function asSqliteStatement(statement: StatementSync): ReturnType<SqliteDatabase["prepare"]> {
  const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
