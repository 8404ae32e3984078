/**
 * Content types as an access policy sees them.
 *
 * @module
 */

import type { HeaderLines } from "../../shared/http/message.ts";

/** A type as in RFC 9110 §8.3.1, its parameters left out. */
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * All content types that a request names, in lower case and without parameters. A header that stands several times, or that somebody joined with
 * commas, names several: who reads it may take any of them.
 *
 * @returns `undefined` for one that cannot be read; empty when there is none.
 */
export function contentTypesOf(headers: HeaderLines): readonly string[] | undefined {
  const types: string[] = [];
  for (const [name, value] of headers) {
    if (name.length !== 12 || name.toLowerCase() !== "content-type") continue;
    for (const part of value.replaceAll(QUOTED, "").split(",")) {
      const type = part.split(";", 1)[0]!.trim().toLowerCase();
      if (!MEDIA_TYPE.test(type)) return undefined;
      types.push(type);
    }
  }
  return types;
}

/**
 * Whether a type is the pattern's.
 *
 * @param pattern In lower case: `application/json`, `image/*` or `*` followed by `/*`.
 */
export function isOfType(type: string, pattern: string): boolean {
  return pattern === "*/*" || (pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern);
}
