/**
 * Writing to a database that may be away for a while.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { sleep } from "../../shared/time/sleep.ts";

const logger = getLogger("statistics");

/** How a write that failed is repeated. */
export interface RetryOptions {
  /** The first delay, in milliseconds; each further one is twice as long. */
  readonly minimumDelayMs: number;
  /** The longest delay, in milliseconds. */
  readonly maximumDelayMs: number;
  /** How often something is written before it is given up. */
  readonly attempts: number;
}

/** About ten minutes: a database that restarts, fails over or is upgraded is back by then. */
export const DEFAULT_RETRY: RetryOptions = { minimumDelayMs: 500, maximumDelayMs: 30_000, attempts: 25 };

/** What is written, and how often. */
export interface WriteOptions {
  /** For the log: "the request log". */
  readonly what: string;
  readonly retry: RetryOptions;
  /** Ends the attempts. */
  readonly signal: AbortSignal;
}

/**
 * Writes until it succeeds, was tried often enough, or is told to stop. Never rejects.
 *
 * @returns The last error, or `undefined` when it was written.
 */
export async function writeWithRetry(
  write: () => Promise<void>,
  { what, retry, signal }: WriteOptions,
): Promise<unknown> {
  for (let attempt = 1;; attempt++) {
    try {
      await write();
      if (attempt > 1) logger.info("Writing {what} again, after {attempt} attempts", { what, attempt });
      return undefined;
    } catch (error) {
      if (attempt === 1) logger.warn("Cannot write {what}, trying again: {error}", { what, error });
      if (attempt >= retry.attempts || signal.aborted) return error;
    }
    await sleep(retryDelayMs(attempt, retry), { signal });
    if (signal.aborted) return signal.reason;
  }
}

/** Doubled with every attempt, and up to a quarter less, so that servers do not come back together. */
function retryDelayMs(attempt: number, { minimumDelayMs, maximumDelayMs }: RetryOptions): number {
  return Math.min(maximumDelayMs, minimumDelayMs * 2 ** (attempt - 1)) * (1 - Math.random() / 4);
}
