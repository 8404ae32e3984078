/**
 * The scopes of a token.
 *
 * @module
 */

import type { JWTPayload } from "jose";

/**
 * Reads a token's scopes: `scope` (RFC 9068) or `scp`, each a text of words or a list.
 *
 * @returns No scope when there is none, or it is not in order.
 */
export function scopesOf({ scope, scp }: JWTPayload): readonly string[] {
  const value = scope ?? scp;
  if (typeof value === "string") return value.split(" ").filter((word) => word !== "");
  return Array.isArray(value) ? value.filter((word) => typeof word === "string") : [];
}
