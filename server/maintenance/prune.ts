/**
 * Removes many rows without keeping anybody waiting.
 *
 * @module
 */

import { sleep } from "../../shared/time/sleep.ts";

/** SQLite removes while it is called: as many as take some milliseconds. */
const CHUNK_ROWS = 200;
/** How long the database rests after a chunk: so many times as long as the chunk took. */
const REST_FACTOR = 4;
const MIN_REST_MS = 5;

/**
 * Removes rows chunk by chunk, until there are none left or the signal says stop.
 *
 * @param remove Removes so many rows at most; gives how many it removed.
 * @returns How many were removed.
 */
export async function prune(
  remove: (limit: number) => Promise<number>,
  { signal }: { readonly signal: AbortSignal },
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const startedMs = performance.now();
    const removed = await remove(CHUNK_ROWS);
    total += removed;
    if (removed < CHUNK_ROWS) break;
    await sleep(Math.max(MIN_REST_MS, REST_FACTOR * (performance.now() - startedMs)), { signal });
  }
  return total;
}
