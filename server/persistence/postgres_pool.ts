/**
 * The pool of connections to PostgreSQL.
 *
 * `pg` alone would wait for ever for a database behind a network that drops everything, would end the program over a connection that breaks
 * while it is in use, and would give a connection on which an answer is still outstanding to the next query. What it throws becomes a
 * {@link PersistenceError} here.
 *
 * @module
 */

import { Socket } from "node:net";
import type { PostgresPool, PostgresPoolClient } from "kysely";
import pg from "pg";
import { describeDatabaseUrl } from "./database_url.ts";
import { PersistenceError, reasonOf } from "./errors.ts";
import type { QueryObserver } from "./query_observer.ts";

/** What a pool is made of. */
export interface RelayPostgresPoolOptions {
  /** As `parseDatabaseUrl` accepts it. */
  readonly url: string;
  /** How many connections there can be at a time. */
  readonly maximumConnections: number;
  readonly observer?: QueryObserver | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** A little more, so that a database that is there says so itself. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 2_000;
/** What a program that died in a transaction has locked is free after this time. */
const IDLE_TRANSACTION_TIMEOUT_MS = 60_000;
const IDLE_CONNECTION_MS = 60_000;
const KEEP_ALIVE_DELAY_MS = 10_000;
/** How long closing waits for queries under way. */
const CLOSE_TIMEOUT_MS = 2_000;

/** What `pg` says when all connections were in use for too long: the database is busy, not away. */
const NO_FREE_CONNECTION = "timeout exceeded when trying to connect";

/** Type id of `bigint`, which `pg` gives as text. */
const INT8 = 20;

/**
 * SQLSTATEs of a database that is there but does nothing: connection exceptions, too many connections, shutting down or starting, and
 * read-only, as a server that has lost its role in a cluster is.
 */
const UNAVAILABLE_STATES = /^(?:08...|53300|57P0[123]|25006)$/;

/** SQLSTATE of a row that belongs to one that is not there. */
const FOREIGN_KEY_VIOLATION = "23503";

/** The pool, as Kysely sees it. */
export class RelayPostgresPool implements PostgresPool {
  readonly options = {};
  /** How long a query waits for its answer, in milliseconds; undefined for the usual time. */
  answerTimeoutMs: number | undefined;
  readonly #pool: pg.Pool;
  readonly #observer: QueryObserver | undefined;
  readonly #description: string;
  readonly #sockets = new Set<Socket>();
  /** By connection, the count of losses when it was made. */
  readonly #lossesBefore = new WeakMap<pg.ClientBase, number>();
  #losses = 0;

  constructor({ url, maximumConnections, observer }: RelayPostgresPoolOptions) {
    this.#observer = observer;
    this.#description = describeDatabaseUrl(url);
    this.#pool = new pg.Pool({
      connectionString: withLibpqModes(url),
      max: maximumConnections,
      application_name: "relayserver",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      stream: () => this.#newSocket(),
      types: { getTypeParser: (id, format) => id === INT8 ? Number : pg.types.getTypeParser(id, format) },
    });
    this.#pool.on("connect", (client) => {
      this.#lossesBefore.set(client, this.#losses);
      // Whoever uses the connection hears of it by the query; without a listener the program would end.
      client.on("error", () => {});
    });
    this.#pool.on("error", () => observer?.connectionLost());
  }

  async connect(): Promise<PostgresPoolClient> {
    if (this.#observer?.mayAsk() === false) {
      throw new PersistenceError("database_unavailable", `Cannot reach database "${this.#description}": it is away`);
    }
    try {
      let client = await this.#pool.connect();
      while (this.#lossesBefore.get(client) !== this.#losses) {
        client.release(true);
        client = await this.#pool.connect();
      }
      return this.#asPoolClient(client);
    } catch (error) {
      const failure = this.#unreachable(error);
      if (reasonOf(error) !== NO_FREE_CONNECTION) this.#observer?.unavailable(failure);
      throw failure;
    }
  }

  async end(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    const timer = setTimeout(closed.resolve, CLOSE_TIMEOUT_MS);
    this.#pool.end().then(closed.resolve, closed.reject);
    try {
      await closed.promise;
    } finally {
      clearTimeout(timer);
      await Promise.all([...this.#sockets].map(destroy));
    }
  }

  #newSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return socket;
  }

  #asPoolClient(client: pg.PoolClient): PostgresPoolClient {
    let isBroken = false;
    const query = async (text: string, parameters: readonly unknown[]) => {
      try {
        const result = await this.#answered(client.query(text, [...parameters]));
        this.#observer?.answered();
        return result;
      } catch (error) {
        const failure = this.#failed(error);
        if (failure.code === "database_unavailable") {
          isBroken = true;
          this.#observer?.unavailable(failure);
        } else {
          this.#observer?.answered();
        }
        throw failure;
      }
    };
    return {
      // Kysely asks for cursors only when one is configured.
      query: query as unknown as PostgresPoolClient["query"],
      release: (isDiscarded = false) => client.release(isBroken || isDiscarded),
    };
  }

  #failed(error: unknown): PersistenceError {
    const isAnswer = error instanceof pg.DatabaseError && !UNAVAILABLE_STATES.test(error.code ?? "");
    if (!isAnswer) return this.#unreachable(error);
    const code = error.code === FOREIGN_KEY_VIOLATION ? "owner_missing" : "query_failed";
    return new PersistenceError(code, `Cannot run query: ${reasonOf(error)}`, { cause: error });
  }

  #unreachable(cause: unknown): PersistenceError {
    const message = `Cannot reach database "${this.#description}": ${reasonOf(cause)}`;
    return new PersistenceError("database_unavailable", message, { cause });
  }

  /** When one connection gets no answer, those that were made before will get none either. */
  async #answered<T>(answer: Promise<T>): Promise<T> {
    const timeoutMs = this.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
    const expired = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#losses++;
      expired.reject(new Error(`no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    try {
      return await Promise.race([answer, expired.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Has `sslmode` mean what it means everywhere else; `pg` would take every mode for `verify-full`, and say so on the terminal. */
function withLibpqModes(url: string): string {
  const parsed = new URL(url);
  if (parsed.searchParams.has("sslmode")) parsed.searchParams.set("uselibpqcompat", "true");
  return parsed.href;
}

async function destroy(socket: Socket): Promise<void> {
  const closed = Promise.withResolvers<void>();
  socket.once("close", () => closed.resolve());
  socket.destroy();
  await closed.promise;
}
