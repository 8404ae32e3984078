/**
 * Splits what is too much for one statement.
 *
 * @module
 */

/** Far below the 32,766 parameters that SQLite takes, with the 23 columns of the request log. */
const LARGEST_CHUNK = 128;

/**
 * Splits a list. All chunks but a few have 128 elements, and every size is a power of two: each size is a statement of its own, which the
 * database prepares and keeps.
 */
export function* chunks<T>(list: readonly T[]): Generator<T[]> {
  let start = 0;
  while (start < list.length) {
    const size = Math.min(LARGEST_CHUNK, 2 ** Math.floor(Math.log2(list.length - start)));
    yield list.slice(start, start + size);
    start += size;
  }
}
