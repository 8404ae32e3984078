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
import { PersistenceError } from "./errors.ts";

/** How long a statement waits for other writers, in all. */
const BUSY_TIMEOUT_MS = 5_000;
/** How long of that at a time with the event loop blocked. */
const BLOCKING_BUSY_TIMEOUT_MS = 20;
const BUSY_RETRY_DELAY_MS = 5;
/** SQLite's primary result code for "database is locked". */
const SQLITE_BUSY = 5;
/** Every query is built by this program, so there are few texts; the limit only guards against one that is built from values. */
const MAX_CACHED_STATEMENTS = 500;

/** A Kysely dialect for one open SQLite database, which it owns from then on. */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;

  /** @param database Closed when the Kysely instance is destroyed. */
  constructor(database: DatabaseSync) {
    const config = { database: asSqliteDatabase(database) };
    super(config);
    this.#config = config;
    database.exec(`PRAGMA busy_timeout = ${BLOCKING_BUSY_TIMEOUT_MS}`);
  }

  override createDriver(): Driver {
    return new NodeSqliteDriver(this.#config);
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
  #connection: DatabaseConnection | undefined;

  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#connection ??= new WaitingConnection(await super.acquireConnection());
    return this.#connection;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
}

class WaitingConnection implements DatabaseConnection {
  readonly #connection: DatabaseConnection;

  constructor(connection: DatabaseConnection) {
    this.#connection = connection;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const deadline = performance.now() + BUSY_TIMEOUT_MS;
    while (true) {
      try {
        return await this.#connection.executeQuery<R>(query);
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadline) throw asPersistenceError(error);
      }
      await setTimeout(BUSY_RETRY_DELAY_MS);
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.#connection.streamQuery<R>(query, chunkSize);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;
}

function asPersistenceError(error: unknown): PersistenceError {
  const reason = error instanceof Error ? error.message : String(error);
  return new PersistenceError("query_failed", `Cannot run query: ${reason}`, { cause: error });
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
