/**
 * Does many small writes together: what comes while a write runs, or while it may wait, goes into the next one.
 *
 * @module
 */

import { setImmediate } from "node:timers/promises";
import { sleep } from "../../shared/time/sleep.ts";

interface Entry<T> {
  readonly item: T;
  readonly settle: PromiseWithResolvers<void>;
}

/** How a {@link Batch} writes. */
export interface BatchOptions<T> {
  /** Writes all of them, or none. */
  readonly write: (items: readonly T[]) => Promise<void>;
  /** So many at most go into one write. */
  readonly maxItems: number;
  /** How long the first of them waits for others, in milliseconds; without it for what comes in the same turn of the event loop. */
  readonly gatherMs?: number;
}

/** One write at a time, with all that waits for it. Its bound is that everybody waits for what they added. */
export class Batch<T> {
  readonly #options: BatchOptions<T>;
  #waiting: Entry<T>[] = [];
  #running: Promise<void> | undefined;

  constructor(options: BatchOptions<T>) {
    this.#options = options;
  }

  /** Resolves when it is written; rejects when it could not be. */
  add(item: T): Promise<void> {
    const settle = Promise.withResolvers<void>();
    this.#waiting.push({ item, settle });
    this.#running ??= this.#run();
    return settle.promise;
  }

  /** Resolves when nothing is left to be written. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    const { gatherMs, maxItems } = this.#options;
    await (gatherMs === undefined ? setImmediate() : sleep(gatherMs));
    while (this.#waiting.length > 0) {
      await this.#write(this.#waiting.splice(0, maxItems));
    }
    this.#running = undefined;
  }

  /** One that cannot be written must not take the others with it. */
  async #write(entries: readonly Entry<T>[]): Promise<void> {
    try {
      await this.#options.write(entries.map(({ item }) => item));
      for (const { settle } of entries) settle.resolve();
    } catch (error) {
      if (entries.length === 1 || !isStatementFault(error)) {
        for (const { settle } of entries) settle.reject(error);
        return;
      }
      for (const entry of entries) await this.#write([entry]);
    }
  }
}

/** A database that is away is away for all of them. */
function isStatementFault(error: unknown): boolean {
  return !(error instanceof Error && "code" in error && error.code === "database_unavailable");
}
