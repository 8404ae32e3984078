/**
 * Pages of lists.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";

const MAX_TAKE = 1000;
const DEFAULT_TAKE = 10;
const MAX_SKIP = 10_000_000;

/** Which page. */
export interface PageRange {
  readonly skip: number;
  readonly take: number;
}

/** A whole number in a query. */
export function integerParameter({ minimum, maximum }: { readonly minimum: number; readonly maximum: number }) {
  return z.string().regex(/^\d{1,9}$/, "Expected a whole number").transform(Number)
    .pipe(z.int().min(minimum).max(maximum)).meta({ type: "integer", minimum, maximum });
}

/** The query parameters of every list. */
export const pageParameters = {
  skip: integerParameter({ minimum: 0, maximum: MAX_SKIP }).optional().meta({
    description: "How many to leave out at the start; 0 unless given.",
  }),
  take: integerParameter({ minimum: 1, maximum: MAX_TAKE }).optional().meta({
    description: `How many to give at most, up to ${MAX_TAKE}; ${DEFAULT_TAKE} unless given.`,
  }),
};

/** The page that a query asks for. */
export function rangeOf(
  { skip = 0, take = DEFAULT_TAKE }: { skip?: number | undefined; take?: number | undefined },
): PageRange {
  return { skip, take };
}

/** The schema of one page. */
export function pageSchema<T extends z.ZodType>(element: T, id: string) {
  return z.object({
    results: z.array(element),
    totalCount: z.int().meta({ description: "How many there are on all pages." }),
    offset: z.int().meta({ description: "How many come before this page." }),
    pageSize: z.int().meta({ description: "How many a page holds at most." }),
  }).meta({ id });
}

/** One page as it is shown. */
export interface PageDocument<T> {
  readonly results: T[];
  readonly totalCount: number;
  readonly offset: number;
  readonly pageSize: number;
}

/** Puts a page around its elements. */
export function toPage<T>(results: T[], totalCount: number, { skip, take }: PageRange): PageDocument<T> {
  return { results, totalCount, offset: skip, pageSize: take };
}

/** One page of a list that is in memory. */
export function pageOf<T>(all: readonly T[], range: PageRange): PageDocument<T> {
  return toPage(all.slice(range.skip, range.skip + range.take), all.length, range);
}
