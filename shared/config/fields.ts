/**
 * The types of configuration values. Each accepts its value as it is written in a file and as the text that an environment variable or a
 * flag gives, so that no source needs a conversion of its own. What they refuse they describe without repeating it: it might be a secret.
 *
 * @module
 */

import { z } from "zod";
import { DURATION_FORMS, parseDuration } from "../time/duration.ts";
import { parseSize, SIZE_FORMS } from "./size.ts";

/** What a value is, beyond its type: decides how it is shown, and that a secret never is. */
export type FieldKind = "text" | "secret" | "duration" | "size" | "integer" | "flag" | "url" | "proxy";

/** Which field type a schema is; read with `fieldKinds.get(schema)` from an unwrapped schema. */
export const fieldKinds = z.registry<{ kind: FieldKind }>();

/** The message for a key that has neither a value nor a default. */
export const REQUIRED = "Is required";

/** The longest delay a timer can wait, in milliseconds; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Limits of a number, both included. */
export interface RangeOptions {
  readonly minimum?: number;
  readonly maximum?: number;
}

/**
 * A field that a function reads.
 *
 * @param kind What the value is.
 * @param read Gives the value, or `undefined` when the input is none.
 * @param expected The message for such an input.
 */
function field<T>(kind: FieldKind, read: (value: unknown) => T | undefined, expected: string) {
  return z.transform((value: unknown, context): T => {
    const result = value === undefined ? undefined : read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: value === undefined ? REQUIRED : expected });
    return z.NEVER;
  }).register(fieldKinds, { kind });
}

const nonEmpty = (value: unknown) => typeof value === "string" && value.trim() !== "" ? value : undefined;

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function within(value: number | undefined, { minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: RangeOptions) {
  return value !== undefined && value >= minimum && value <= maximum ? value : undefined;
}

/** A text that is not empty. */
export function text() {
  return field("text", nonEmpty, "Expected a text that is not empty (a number needs quotes)");
}

/** A text that never appears in a message, in a log or in `config show`, and is not taken from a flag. */
export function secret() {
  return field("secret", nonEmpty, "Expected a text that is not empty");
}

/**
 * A time span; the parsed value is in milliseconds.
 *
 * @param range Limits in milliseconds; the maximum defaults to what a timer can wait, 24.8 days.
 */
export function duration(range: RangeOptions = {}) {
  const limits = { maximum: LONGEST_TIMER_MS, ...range };
  const read = (value: unknown) => {
    if (value === 0 || value === "0") return within(0, limits);
    return typeof value === "string" ? within(attempt(() => parseDuration(value.trim())), limits) : undefined;
  };
  return field("duration", read, `Expected a duration such as ${DURATION_FORMS}${describeRange(range, "ms")}`);
}

/**
 * A size; the parsed value is in bytes.
 *
 * @param range Limits in bytes.
 */
export function size(range: RangeOptions = {}) {
  const read = (value: unknown) =>
    typeof value === "string" || typeof value === "number"
      ? within(attempt(() => parseSize(String(value).trim())), range)
      : undefined;
  return field("size", read, `Expected ${SIZE_FORMS}${describeRange(range, " bytes")}`);
}

/** A whole number, from 0 unless told otherwise. */
export function integer(range: RangeOptions = {}) {
  const read = (value: unknown) => {
    const number = typeof value === "string" && /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : value;
    return typeof number === "number" && Number.isInteger(number) ? within(number, range) : undefined;
  };
  return field("integer", read, `Expected a whole number${describeRange({ minimum: 0, ...range }, "")}`);
}

function describeRange({ minimum, maximum }: RangeOptions, unit: string): string {
  const limits = [
    ...(minimum === undefined ? [] : [`at least ${minimum}${unit}`]),
    ...(maximum === undefined ? [] : [`at most ${maximum}${unit}`]),
  ];
  return limits.length > 0 ? `, ${limits.join(" and ")}` : "";
}

/** A TCP port to listen on; 0 takes a free one. */
export function port() {
  return integer({ minimum: 0, maximum: 65_535 });
}

/** `true` or `false`. */
export function flag() {
  const read = (value: unknown) =>
    value === true || value === "true" ? true : value === false || value === "false" ? false : undefined;
  return field("flag", read, "Expected true or false");
}

/** An absolute `http:` or `https:` URL without query, fragment and credentials, as it was written. */
export function httpUrl() {
  return field(
    "url",
    (value) => typeof value === "string" && isPlainHttpUrl(value) ? value : undefined,
    "Expected an absolute http or https URL without query, fragment and credentials",
  );
}

function isPlainHttpUrl(value: string): boolean {
  if (!/^https?:\/\/[^?#\s\\]+$/i.test(value)) return false;
  const url = URL.parse(value);
  return url !== null && url.username === "" && url.password === "" && !value.includes("@");
}

/**
 * The `http:` or `https:` URL of a proxy, with user and password where it wants them, or `none`. With credentials it is not taken from a flag.
 */
export function proxyUrl() {
  const read = (value: unknown) => {
    if (typeof value !== "string") return undefined;
    const url = /^https?:\/\/[^\s\\]+$/i.test(value) ? URL.parse(value) : null;
    return value === "none" || url !== null && isPlainProxy(url) ? value : undefined;
  };
  return field("proxy", read, "Expected the http or https URL of a proxy, such as http://proxy:3128, or none");
}

function isPlainProxy({ pathname, search, hash, username, password }: URL): boolean {
  const areReadable = attempt(() => decodeURIComponent(username) + decodeURIComponent(password)) !== undefined;
  return pathname === "/" && search === "" && hash === "" && areReadable;
}

/** One of some words. */
export function choice<const T extends readonly [string, ...string[]]>(words: T) {
  const expected = `Expected ${words.length > 1 ? "one of " : ""}${words.join(", ")}`;
  return z.enum(words, { error: ({ input }) => input === undefined ? REQUIRED : expected });
}

/** A list: in a file a list or a single value, as text comma-separated or JSON. */
export function list<T extends z.ZodType>(element: T) {
  return z.preprocess(
    (value) => typeof value === "string" ? splitList(value) : value,
    z.array(element, { error: ({ input }) => input === undefined ? REQUIRED : "Expected a list" }),
  );
}

function splitList(value: string): unknown {
  if (value.trimStart().startsWith("[")) return attempt((): unknown => JSON.parse(value)) ?? value;
  return value.split(",").map((part) => part.trim()).filter((part) => part !== "");
}
