/**
 * Which header lines a relay passes on (RFC 9110 §7.6.1).
 *
 * @module
 */

import type { HeaderLine, HeaderLines } from "./message.ts";
import { withoutSessionCookie } from "./session_cookie.ts";

/** Names (lower case) of fields about one connection, never passed on. `Content-Length` and `Host` stay: framing and routing are decided by who sends. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Fields that `Connection` may not remove, because the relay or the target needs them. */
const PROTECTED = new Set(["host", "content-length", "cookie", "authorization", "forwarded", "via"]);

/** The prefix of the relay's own fields, which neither side may make up. */
const OWN_PREFIX = "relayserver-";

/**
 * Keeps the lines that are meant for the other end: neither hop-by-hop, nor listed in `Connection`, nor one of the relay's own. Cookies
 * come without the session of the management web.
 *
 * @param isDropped Names (lower case) to leave out besides.
 */
export function endToEndHeaders(headers: HeaderLines, isDropped?: (name: string) => boolean): HeaderLine[] {
  const kept: HeaderLine[] = [];
  let listed: Set<string> | undefined;
  for (const line of headers) {
    const name = line[0].toLowerCase();
    if (name === "connection") listed = listConnectionOptions(line[1], listed);
    if (HOP_BY_HOP.has(name) || name.startsWith(OWN_PREFIX) || isDropped?.(name)) continue;
    const own = name.endsWith("cookie") ? withoutSessionCookie(line, name) : line;
    if (own !== undefined) kept.push(own);
  }
  const options = listed;
  return options === undefined ? kept : kept.filter(([name]) => !options.has(name.toLowerCase()));
}

function listConnectionOptions(value: string, known: Set<string> | undefined): Set<string> | undefined {
  const lower = value.toLowerCase();
  if (lower === "keep-alive" || lower === "close") return known;
  const options = known ?? new Set();
  for (const part of lower.split(",")) {
    const option = part.trim();
    if (option !== "" && !PROTECTED.has(option) && !option.startsWith("x-forwarded-")) options.add(option);
  }
  return options;
}

/** The first value of a header, whatever the case of its name. */
export function headerValue(headers: HeaderLines, name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

/** A byte string without the blanks at its end. `trimEnd` would take U+00A0 as well, which ends what is `à` in UTF-8. */
export function withoutTrailingBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0x09)) end--;
  return text.slice(0, end);
}
