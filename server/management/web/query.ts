/**
 * Reads the address of a page. What makes no sense behind its question mark is left out: an address is seldom typed.
 *
 * @module
 */

import { idSchema } from "../input.ts";
import { ManagementError } from "../management_error.ts";
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

/**
 * The id in a page's address.
 *
 * @param name Of the parameter.
 * @throws {ManagementError} `not_found` for what cannot be one: PostgreSQL can not even be asked for some of it.
 */
export function idOf(context: WebContext, name = "id"): string {
  const { success, data } = idSchema.safeParse(context.req.param(name));
  if (success) return data;
  throw new ManagementError("not_found", "There is nothing of this id");
}
