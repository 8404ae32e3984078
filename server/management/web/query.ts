/**
 * Reads what stands behind the question mark of a page's address. What makes no sense there is left out: an address is seldom typed.
 *
 * @module
 */

import type { WebContext } from "./environment.ts";

const MAX_SKIP = 10_000_000;

/** How many entries of a list come before the page. */
export function skipOf(context: WebContext): number {
  const skip = Number(context.req.query("skip") ?? 0);
  return Number.isInteger(skip) && skip >= 0 && skip <= MAX_SKIP ? skip : 0;
}

/** An address with those of the parameters that say something. */
export function withQuery(path: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const used = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return used.length === 0 ? path : `${path}?${new URLSearchParams(used)}`;
}
