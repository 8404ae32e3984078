/**
 * Databases for tests in a PostgreSQL server that is there already.
 *
 * @module
 */

import pg from "pg";
import { isRequired } from "./requirement.ts";

/** Says where the server is. Its user must be allowed to create databases. */
const URL_VARIABLE = "RELAY_TEST_POSTGRES_URL";
const DEFAULT_URL = "postgres://postgres@127.0.0.1:5432/postgres";
const REQUIREMENT = "postgres";
const TIMEOUT_MS = 10_000;

/** A database of its own, dropped at the end of the scope. */
export interface TestPostgresDatabase extends AsyncDisposable {
  readonly url: string;
}

/** A PostgreSQL server, or the lack of one. */
export class TestPostgres {
  readonly #url: string;
  readonly #problem: string | undefined;

  /** @param problem Why it cannot be used. */
  constructor(url: string, problem: string | undefined) {
    this.#url = url;
    this.#problem = problem;
  }

  /** For `ignore` of a test: the server does not answer, and nobody requires it. */
  get isSkipped(): boolean {
    return this.#problem !== undefined && !isRequired(REQUIREMENT);
  }

  /** A test's name, with the reason when it is skipped. */
  label(name: string): string {
    return this.isSkipped ? `${name} (skipped: no PostgreSQL, see ${URL_VARIABLE})` : name;
  }

  /**
   * Makes an empty database with a random name.
   *
   * @throws {Error} When the server does not answer.
   */
  async createDatabase(): Promise<TestPostgresDatabase> {
    if (this.#problem !== undefined) throw new Error(`PostgreSQL is required and cannot be used: ${this.#problem}`);
    const name = `relay_test_${crypto.randomUUID().replaceAll("-", "")}`;
    await execute(this.#url, `create database ${name}`);
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return {
      url: url.href,
      [Symbol.asyncDispose]: () => execute(this.#url, `drop database if exists ${name} with (force)`),
    };
  }
}

/** Looks for a PostgreSQL server where `RELAY_TEST_POSTGRES_URL` says, else on this machine's usual port. */
export async function findPostgres(): Promise<TestPostgres> {
  const url = Deno.env.get(URL_VARIABLE) ?? DEFAULT_URL;
  try {
    await execute(url, "select 1");
    return new TestPostgres(url, undefined);
  } catch (error) {
    return new TestPostgres(url, error instanceof Error ? error.message : String(error));
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
