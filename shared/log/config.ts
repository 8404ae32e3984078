/**
 * The `log` section that both programs' configurations have.
 *
 * @module
 */

import { z } from "zod";
import { choice } from "../config/fields.ts";

/** Severities, lowest first. */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const;

/** Severity from which on records are written. */
export type LogLevel = typeof LOG_LEVELS[number];

/** How a record is written: a line for people, or a line of JSON. */
export type LogFormat = "text" | "json";

/** The `log` section. */
export function logSection() {
  return z.strictObject({
    level: z.preprocess((value) => value === "warn" ? "warning" : value, choice(LOG_LEVELS)).prefault("info").describe(
      "Severity from which on records are written; warn is taken for warning.",
    ),
    format: choice(["text", "json"]).optional().describe("Form of a record. Without it text on a terminal, else json."),
  }).prefault({}).describe("The log.");
}
