/**
 * The search for a text inside another.
 *
 * @module
 */

import { type Expression, type RawBuilder, sql } from "kysely";

/**
 * Whether a text in lower case contains another, in any case; `%`, `_` and `\` stand for themselves.
 *
 * @param text The column, or what is made of it, in lower case.
 */
export function contains(text: Expression<unknown>, search: string): RawBuilder<boolean> {
  const pattern = `%${search.toLowerCase().replace(/[\\%_]/g, "\\$&")}%`;
  return sql<boolean>`${text} like ${pattern} escape '\\'`;
}
