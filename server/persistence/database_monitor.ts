/**
 * Whether the database is there, as queries and a probe of its own tell.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { PersistenceError } from "./errors.ts";
import type { QueryObserver } from "./query_observer.ts";
import type { Database } from "./schema.ts";

/** How often a database is asked that answered, or seemed to. */
const PROBE_INTERVAL_MS = 5_000;
/** How often one that did not. */
const UNAVAILABLE_PROBE_INTERVAL_MS = 1_000;
/** How long it may take. A database that is only busy has answered something else in the meantime. */
const PROBE_TIMEOUT_MS = 2_000;

const logger = getLogger("database");

/** Whether the database is there. */
export interface DatabaseStatus {
  readonly isAvailable: boolean;
  /** Since when it is so, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** What the last query that could not reach it said. For people who operate the server, nobody else. */
  readonly lastError: string | undefined;
}

/** Watches a database. Give it to `openDatabase`, and the database to {@link watch}. */
export class DatabaseMonitor implements QueryObserver, Disposable {
  readonly #now: () => number;
  #status: DatabaseStatus;
  #database: Database | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isProbing = false;
  #answers = 0;
  #lastTrialMs = -Infinity;

  /** @param now The time in milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#status = { isAvailable: true, sinceMs: now(), lastError: undefined };
  }

  /** Whether the database is there, as far as is known. */
  get status(): DatabaseStatus {
    return this.#status;
  }

  /** Begins to ask the database now and then, until this is disposed. */
  watch(database: Database): void {
    this.#database = database;
    this.#schedule(PROBE_INTERVAL_MS);
  }

  /** While the database is away, one query a second may find out whether it is back. */
  mayAsk(): boolean {
    if (this.#status.isAvailable || this.#database === undefined) return true;
    const nowMs = performance.now();
    if (nowMs - this.#lastTrialMs < UNAVAILABLE_PROBE_INTERVAL_MS) return false;
    this.#lastTrialMs = nowMs;
    return true;
  }

  answered(): void {
    this.#answers++;
    if (this.#status.isAvailable) return;
    const durationMs = this.#now() - this.#status.sinceMs;
    logger.info("The database answers again, after {durationMs} ms", { durationMs });
    this.#status = { ...this.#status, isAvailable: true, sinceMs: this.#now() };
  }

  unavailable(error: PersistenceError): void {
    const lastError = error.message;
    if (!this.#status.isAvailable) {
      this.#status = { ...this.#status, lastError };
      return;
    }
    this.#status = { isAvailable: false, sinceMs: this.#now(), lastError };
    // Before it is watched, whoever opened it hears of the error; afterwards nobody may have asked.
    if (this.#database === undefined) return;
    logger.error("The database is unavailable: {error}", { error });
    this.#schedule(UNAVAILABLE_PROBE_INTERVAL_MS);
  }

  connectionLost(): void {
    this.#schedule(0);
  }

  /** Asks no more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#database = undefined;
  }

  #schedule(delayMs: number): void {
    if (this.#database === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#probe(this.#database), delayMs);
  }

  async #probe(database: Database | undefined): Promise<void> {
    if (database === undefined || this.#isProbing) return;
    this.#isProbing = true;
    const answersBefore = this.#answers;
    const patience = setTimeout(() => {
      if (this.#answers !== answersBefore) return;
      const reason = `Cannot reach database: no answer within ${PROBE_TIMEOUT_MS / 1000} s`;
      this.unavailable(new PersistenceError("database_unavailable", reason));
    }, PROBE_TIMEOUT_MS);
    try {
      await database.selectFrom("leases").select("name").limit(1).execute();
    } catch (error) {
      // One that is not there has been told of by the driver.
      logger.debug("The database was asked in vain: {error}", { error });
    } finally {
      clearTimeout(patience);
      this.#isProbing = false;
      this.#schedule(this.#status.isAvailable ? PROBE_INTERVAL_MS : UNAVAILABLE_PROBE_INTERVAL_MS);
    }
  }
}
