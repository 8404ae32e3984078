/**
 * The cookie of the management web and its API. Browsers do not tell ports apart and send it to the public listener of the same host too,
 * so that the relay must know it in order to keep it from targets.
 *
 * @module
 */

import type { HeaderLine } from "./message.ts";

/** Name of the cookie. */
export const SESSION_COOKIE = "relayserver_session";

const PAIR = new RegExp(`^\\s*${SESSION_COOKIE}\\s*(?:=|$)`);

/**
 * Takes the session cookie out of a header line.
 *
 * @param name The line's name in lower case.
 * @returns The line as it is where there is nothing to take out; undefined when nothing is left of it.
 */
export function withoutSessionCookie(line: HeaderLine, name: string): HeaderLine | undefined {
  if ((name !== "cookie" && name !== "set-cookie") || !line[1].includes(SESSION_COOKIE)) return line;
  if (name === "set-cookie") return PAIR.test(line[1]) ? undefined : line;
  const pairs = line[1].split(";");
  const kept = pairs.filter((pair) => !PAIR.test(pair));
  if (kept.length === pairs.length) return line;
  return kept.length === 0 ? undefined : [line[0], kept.join(";").trimStart()];
}
