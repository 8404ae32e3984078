/**
 * Reads the forms of pages.
 *
 * @module
 */

import { readDocument } from "../api/json_body.ts";
import { type InputProblem, ManagementError } from "../management_error.ts";
import type { WebContext } from "./environment.ts";

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** What somebody has filled in, by field. */
export type FormValues = Readonly<Record<string, string>>;

/** What somebody has filled in, and what is wrong with it. */
export interface FormState {
  readonly values: FormValues;
  /** What is wrong, by field; of the whole under the empty name. */
  readonly faults: Readonly<Record<string, string>>;
}

/** A form that nobody has filled in yet. */
export function freshForm(values: FormValues = {}): FormState {
  return { values, faults: {} };
}

/**
 * Reads a form.
 *
 * @throws {ManagementError} `unsupported_media_type`, `body_too_large`, `request_timeout` or `invalid_request`.
 */
export async function readForm(context: WebContext): Promise<FormValues> {
  if (!FORM_TYPE.test(context.req.header("Content-Type") ?? "")) {
    throw new ManagementError("unsupported_media_type", "Cannot read the form: it was not sent as one");
  }
  // Browsers send line ends of text areas as CR LF, whatever was typed.
  const text = await readDocument(context.req.raw);
  return Object.fromEntries(
    [...new URLSearchParams(text)].map(([name, value]) => [name, value.replaceAll("\r\n", "\n")]),
  );
}

/** What is not filled in is null. */
export function filled(value: string | undefined): string | null {
  return value === undefined || value.trim() === "" ? null : value;
}

/** A time that a browser's `datetime-local` field gives, which is meant in UTC. */
export function utcTime(value: string | undefined): string | null {
  const text = filled(value);
  return text === null ? null : /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? `${text}:00Z` : `${text}Z`;
}

/**
 * The form to be shown again with what is wrong.
 *
 * @throws What was thrown, when it is not the user's fault.
 */
export function faultyForm(error: unknown, values: FormValues): FormState {
  const isExpected = error instanceof Error && "code" in error && EXPECTED.has(String(error.code));
  if (!isExpected) throw error;
  const problems: readonly InputProblem[] = error instanceof ManagementError ? error.problems : [];
  if (problems.length > 0) return { values, faults: byField(problems) };
  return {
    values,
    faults: { [error.code === "name_taken" ? "name" : ""]: EXPLANATIONS[String(error.code)] ?? error.message },
  };
}

const EXPECTED = new Set([
  "invalid_request",
  "name_taken",
  "version_conflict",
  "rate_limited",
  "authentication_required",
]);

const EXPLANATIONS: Readonly<Record<string, string>> = {
  name_taken: "This name is in use already",
  version_conflict:
    "Somebody else has changed this in the meantime. What you entered is still here: compare it with the present values, then save again",
};

function byField(problems: readonly InputProblem[]): Record<string, string> {
  const faults: Record<string, string> = {};
  for (const { path, message } of problems) {
    // One field may hold a whole document, whose own path leads the message.
    const [field = "", ...inside] = path.split(".");
    const said = inside.length === 0 ? message : `${inside.join(".")}: ${message}`;
    faults[field] = faults[field] === undefined ? said : `${faults[field]}\n${said}`;
  }
  return faults;
}
