/**
 * Waiting for what no event tells of: what a database, a broker or another program knows, and says only when it is asked.
 *
 * @module
 */

import { sleep } from "../../shared/time/sleep.ts";
import { within } from "./deadline.ts";

const PAUSE_MS = 20;

/** What to wait for, and for how long. */
export interface PolledOptions<T> {
  /** Whether this is it. */
  readonly until: (value: T) => boolean;
  /** The words of the error: "Waited 15000 ms for `what`". */
  readonly what: string;
  /** 15 s unless given. */
  readonly timeoutMs?: number;
}

/**
 * Reads something again and again until it is as it should be.
 *
 * @param read Gets a signal that is aborted when nobody waits any more.
 * @returns What was read last.
 * @throws {Error} When the time is up, with what was read last; what `read` throws, at once.
 */
export async function polled<T>(
  read: (signal: AbortSignal) => Promise<T>,
  { until, what, timeoutMs = 15_000 }: PolledOptions<T>,
): Promise<T> {
  const over = new AbortController();
  let last: T | undefined;
  const poll = async (): Promise<T> => {
    while (true) {
      const value = last = await read(over.signal);
      if (over.signal.aborted || until(value)) return value;
      await sleep(PAUSE_MS, { signal: over.signal });
    }
  };
  try {
    return await within(poll(), { timeoutMs, what, detail: () => `Read last: ${Deno.inspect(last)}` });
  } finally {
    over.abort();
  }
}
