/**
 * Splits what is too much for one statement.
 *
 * @module
 */

/** Far below the 32,766 parameters that SQLite takes, with the 23 columns of the request log. */
const LARGEST_CHUNK = 128;
/** What is as small stays in one piece: a transaction around two costs more than another statement that is kept. */
const LARGEST_UNSPLIT = 16;

/**
 * Splits a list. All chunks but a few have 128 elements, and there are few sizes, powers of two and those up to 16: each size is a statement of
 * its own, which the database prepares and keeps.
 */
export function* chunks<T>(list: readonly T[]): Generator<T[]> {
  let start = 0;
  while (start < list.length) {
    const left = list.length - start;
    const size = left <= LARGEST_UNSPLIT ? left : Math.min(LARGEST_CHUNK, 2 ** Math.floor(Math.log2(left)));
    yield list.slice(start, start + size);
    start += size;
  }
}
