/**
 * What all lists that are read page by page have in common.
 *
 * @module
 */

/** One page of a list. */
export interface Page<T> {
  readonly results: T[];
  /** How many there are on all pages. */
  readonly totalCount: number;
}

/** Which page of a list. */
export interface PageOptions {
  /** How many to leave out at the start; default 0. */
  readonly skip?: number;
  /** How many to give at most; default all. */
  readonly take?: number;
}

/** The limit that stands for none: SQLite knows an offset only together with a limit. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER;
