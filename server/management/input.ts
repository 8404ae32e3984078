/**
 * Reads what people and programs send, by one schema each.
 *
 * @module
 */

import { z } from "zod";
import { DURATION_FORMS, formatTimeSpan, parseDuration } from "../../shared/time/duration.ts";
import { type InputProblem, ManagementError } from "./management_error.ts";

/** Problems reported at most, and characters of each: what comes back must not grow with what came in. */
const MAX_PROBLEMS = 50;
const MAX_MESSAGE_LENGTH = 300;

/** The longest delay a timer can wait, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Control characters but tabs and line ends. PostgreSQL cannot store NUL, and none of the others is part of a text. */
const FORBIDDEN_IN_TEXT = /[^\P{Cc}\t\r\n]/u;

/** A text for people. */
export function textSchema(maximumLength: number) {
  return z.string().max(maximumLength).refine(
    (text) => !FORBIDDEN_IN_TEXT.test(text) && text.isWellFormed(),
    "Expected a text without control characters",
  );
}

/** An id, in any case (RFC 9562, section 4); the parsed value is in lower case, as ids are stored. */
export const idSchema = z.guid().toLowerCase();

/** A name of something but a tenant. */
export const nameSchema = z.string().min(1).max(100).regex(
  /^(?! )[^\p{Cc}\p{Cs}]*(?<! )$/u,
  "Expected a name without control characters and without spaces around it",
);

/**
 * A time span as text; the parsed value is in milliseconds.
 *
 * @param minimumMs The shortest that is taken.
 */
export function timeSpanSchema(minimumMs: number) {
  return z.string().max(30).transform((text, context) => {
    const milliseconds = readTimeSpan(text);
    if (milliseconds !== undefined && milliseconds >= minimumMs && milliseconds <= LONGEST_TIMER_MS) {
      return milliseconds;
    }
    context.addIssue({
      code: "custom",
      message: `Expected a time span such as ${DURATION_FORMS}, from ${formatTimeSpan(minimumMs)} to 24 days`,
    });
    return z.NEVER;
  });
}

function readTimeSpan(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** A point in time with its offset, ISO 8601; the parsed value is in milliseconds since 1970. */
export const timestampSchema = z.iso.datetime({
  offset: true,
  error: "Expected a time with its offset, such as 2026-12-31T23:59:59Z",
}).max(40).transform((text) => Date.parse(text)).refine(Number.isFinite, "Expected a time that exists");

/** A point in time that is still to come. */
export const futureSchema = timestampSchema.refine((time) => time > Date.now(), "Expected a time in the future");

/**
 * Reads an input.
 *
 * @throws {ManagementError} `invalid_request` with every problem.
 */
export function parseInput<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidInput(result.error, "body");
}

/** The error for an input that a schema refused. */
export function invalidInput(error: z.core.$ZodError, part: InputProblem["in"]): ManagementError {
  const faults = error.issues.flatMap(faultsOf);
  const problems = faults.slice(0, MAX_PROBLEMS).map(({ path, message }): InputProblem => ({
    in: part,
    path: path.map(String).join(".").slice(0, MAX_MESSAGE_LENGTH),
    message: message.slice(0, MAX_MESSAGE_LENGTH),
  }));
  const count = faults.length === 1 ? "one problem" : `${faults.length} problems`;
  return new ManagementError("invalid_request", `Cannot accept the ${part}: it has ${count}`, { problems });
}

/** Keys that are not known are faults of their own, each at its place. */
function faultsOf(issue: z.core.$ZodIssue): { readonly path: readonly PropertyKey[]; readonly message: string }[] {
  if (issue.code !== "unrecognized_keys") return [issue];
  return issue.keys.map((key) => ({ path: [...issue.path, key], message: "Is not known" }));
}
