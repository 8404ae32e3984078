/**
 * Checkpoints of SQLite's write-ahead log (https://www.sqlite.org/wal.html) in a thread of their own. SQLite makes them in the middle of a write, in
 * which the event loop, and with it every relayed request, waits for the disk.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { sql } from "kysely";
import { getLogger } from "../../shared/log/mod.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import type { Database } from "./schema.ts";
import { MEMORY_PATH } from "./sqlite.ts";

const logger = getLogger("database");
const INTERVAL_MS = 1_000;
/** A log that is shorter is left alone; the same as SQLite's own. */
const MINIMUM_LOG_BYTES = 1_000 * 4_096;
/** Pages of 4 KiB with which SQLite makes a checkpoint by itself after all: the thread is too slow, or cannot run. */
const LAST_RESORT_PAGES = 16_384;

/** Looks at the log once a second. The thread begins with the first checkpoint. Disposing ends both, and so does a thread that fails. */
export class SqliteCheckpoints implements Disposable {
  readonly #path: string;
  readonly #timer: ReturnType<typeof setInterval>;
  #worker: Worker | undefined;
  #running: PromiseWithResolvers<void> | undefined;
  #writtenAtMs = 0;

  private constructor(path: string) {
    this.#path = path;
    this.#timer = setInterval(() => void this.checkpoint(), INTERVAL_MS);
  }

  /**
   * Begins, if the database is a file of SQLite.
   *
   * @param database Makes no checkpoints from here on, but as a last resort.
   */
  static async start(database: Database, url: string): Promise<SqliteCheckpoints | undefined> {
    const location = parseDatabaseUrl(url);
    if ("problem" in location || location.kind !== "sqlite" || location.path === MEMORY_PATH) return undefined;
    await sql`PRAGMA wal_autocheckpoint = ${sql.raw(String(LAST_RESORT_PAGES))}`.execute(database);
    return new SqliteCheckpoints(location.path);
  }

  /** Makes a checkpoint if the log is long and was written to since the last one. Never rejects. */
  async checkpoint(): Promise<void> {
    if (this.#running !== undefined) return await this.#running.promise;
    const running = this.#running = Promise.withResolvers<void>();
    const isDue = await this.#isDue();
    if (isDue && this.#running === running) this.#thread().postMessage(this.#path);
    else this.#ran();
    await running.promise;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    void this.#worker?.terminate();
    this.#ran();
  }

  async #isDue(): Promise<boolean> {
    try {
      const { size, mtime } = await Deno.stat(`${this.#path}-wal`);
      const writtenAtMs = mtime?.getTime() ?? 0;
      if (size < MINIMUM_LOG_BYTES || writtenAtMs === this.#writtenAtMs) return false;
      this.#writtenAtMs = writtenAtMs;
      return true;
    } catch {
      // There is none, or the disk has gone: other queries tell.
      return false;
    }
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = this.#worker = new Worker(new URL("./sqlite_checkpoint_worker.ts", import.meta.url));
    worker.on("message", (reason: string | null) => {
      if (reason !== null) logger.warn("Cannot make a checkpoint of the database: {reason}", { reason });
      this.#ran();
    });
    // It could not begin, or has come to an end: SQLite has its last resort.
    worker.on("error", (error) => {
      logger.error("No thread makes checkpoints of the database any more: {error}", { error });
      this[Symbol.dispose]();
    });
    return worker;
  }

  #ran(): void {
    this.#running?.resolve();
    this.#running = undefined;
  }
}
