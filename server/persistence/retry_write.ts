/**
 * Repeats a write while the database is away.
 *
 * @module
 */

import { sleep } from "../../shared/time/sleep.ts";
import { PersistenceError } from "./errors.ts";

/** For how long a write is repeated. */
export interface RetryWriteOptions {
  /** After this time it is given up, in milliseconds. */
  readonly giveUpAfterMs: number;
  /** Gives it up at once. */
  readonly signal?: AbortSignal;
  /** The pause after the first attempt, in milliseconds; it doubles up to `maximumDelayMs`. Default 100. */
  readonly minimumDelayMs?: number;
  /** Default 2,000: a server that stops waits 5 s for its writes, and has a database that is back by then take them. */
  readonly maximumDelayMs?: number;
}

/**
 * Writes, and repeats that as long as it meets `database_unavailable`. What met it may have been done nevertheless, so the write must do no harm
 * when it is done twice.
 *
 * @returns Whether it was written. When not, it counts as dropped.
 * @throws Whatever else the write throws: a repeat would not help.
 */
export async function retryWrite(
  write: () => Promise<void>,
  { giveUpAfterMs, signal, minimumDelayMs = 100, maximumDelayMs = 2_000 }: RetryWriteOptions,
): Promise<boolean> {
  const deadline = performance.now() + giveUpAfterMs;
  for (let delayMs = minimumDelayMs;; delayMs = Math.min(2 * delayMs, maximumDelayMs)) {
    if (signal?.aborted) return false;
    try {
      await write();
      return true;
    } catch (error) {
      if (!(error instanceof PersistenceError) || error.code !== "database_unavailable") throw error;
    }
    // Half of it by chance: servers that lost the same database do not come back all at once.
    const pauseMs = delayMs * (0.5 + Math.random() / 2);
    if (performance.now() + pauseMs > deadline) return false;
    await sleep(pauseMs, signal === undefined ? {} : { signal });
  }
}
