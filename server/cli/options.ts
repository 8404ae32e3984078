/**
 * Options that several commands have.
 *
 * @module
 */

import { type CommandCall, UsageError } from "../../shared/cli/mod.ts";
import { DURATION_FORMS, parseDuration } from "../../shared/time/duration.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { type Role, ROLES } from "../persistence/mod.ts";

/** A century: what ends in some hundred thousand years is no time that can be told. */
const LONGEST_DURATION_MS = 36_525 * 86_400_000;

/** Options of a call. */
export type Options = CommandCall<ServerConfig>["options"];

/** The option that says what somebody may do. */
export const ROLE_OPTION = { summary: "What it may do", value: "ROLE", choices: ROLES };

/**
 * Reads the option `role`, which must be given.
 *
 * @throws {UsageError} When it is not.
 */
export function parseRoleOption(options: Options): Role {
  const role = ROLES.find((role) => role === options.role);
  if (role === undefined) throw new UsageError(`Missing --role, expected one of: ${ROLES.join(", ")}`);
  return role;
}

/**
 * Reads an option that is a duration.
 *
 * @returns Milliseconds, more than 0 and a century at most; undefined when the option is not given.
 * @throws {UsageError} When it is not a duration.
 */
export function parseDurationOption(options: Options, name: string): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  try {
    const milliseconds = parseDuration(String(value));
    if (milliseconds > 0 && milliseconds <= LONGEST_DURATION_MS) return milliseconds;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
  }
  throw new UsageError(
    `Wrong value for --${name}, expected a duration above 0, of a century at most, such as ${DURATION_FORMS}`,
  );
}
