/**
 * Paths as an access policy sees them: as every server that may stand behind a target could read them. What a path is allowed for must hold in
 * each reading; what it is denied for, in one.
 *
 * @module
 */

import { hasDotSegments } from "../../shared/http/path.ts";

/** One path, read in all ways. */
export interface PathReadings {
  /** Decoded once with `%2F` and `%5C` left alone, decoded once, decoded again while something is left to decode. */
  readonly exact: readonly string[];
  /**
   * The same as careless servers read them: `\` is `/`, several `/` are one, what follows `;` in a segment and dots and spaces at its end do not
   * count, nor do case and the width of characters.
   */
  readonly folded: readonly string[];
}

/** More levels of escapes than this have no honest use. */
const MAX_LEVELS = 4;
const NEEDS_DECODING = /%[0-9a-f]{2}/i;
/** What makes a path mean different things to different servers. */
const NOTEWORTHY = /[^\x21-\x7e]|[%\\;]|\/\/|\.(?:\/|$)/;
/** Forms that only broken decoders read: overlong UTF-8, escapes of 16 bits. */
const OVERLONG = /[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}/;
const WIDE_ESCAPE = /%u[0-9a-f]{4}/i;
/** Those of ASCII: the others are bytes of UTF-8. */
const CONTROL = /[\p{ASCII}&&\p{Cc}]/v;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a path.
 *
 * @param path What follows the target, a byte string; a query is not looked at.
 * @returns `undefined` when servers could disagree on more than this module knows of: dot segments below several levels of escapes, control
 * characters, overlong UTF-8, `%uXXXX`, more than four levels of escapes.
 */
export function readPath(path: string): PathReadings | undefined {
  const queryAt = path.indexOf("?");
  const raw = queryAt === -1 ? path : path.slice(0, queryAt);
  const whole = raw.startsWith("/") ? raw : `/${raw}`;
  if (!NOTEWORTHY.test(whole)) return { exact: [whole], folded: [whole.toLowerCase()] };
  const levels = decodeAll(whole);
  if (levels === undefined || levels.some(isAmbiguous)) return undefined;
  const exact = [...new Set(levels.map(toText))];
  if (exact.some((text) => hasHiddenDotSegments(text.normalize("NFKC")))) return undefined;
  return { exact, folded: [...new Set(exact.map(fold))] };
}

/** Whether a path is in the prefix in every reading, spelled as it is. */
export function isSurelyBelow({ exact }: PathReadings, prefix: string): boolean {
  return exact.every((text) => isBelow(text, prefix));
}

/**
 * Whether a path is in the prefix in some reading.
 *
 * @param foldedPrefix Made by {@link fold}.
 */
export function mayBeBelow({ folded }: PathReadings, foldedPrefix: string): boolean {
  return folded.some((text) => isBelow(text, foldedPrefix));
}

/** How the most careless server would read a path, see {@link PathReadings.folded}. */
export function fold(text: string): string {
  return text.normalize("NFKC").replaceAll("\\", "/").split("/").map((segment) =>
    segment.replace(/;.*$/s, "").replace(/[. ]+$/, "")
  )
    .join("/").replace(/\/{2,}/g, "/").toLowerCase();
}

/**
 * Makes a prefix comparable: escapes decoded, without a slash at its end.
 *
 * @param text As an administrator wrote it.
 * @throws {RangeError} When it does not begin with `/`, or when servers could read it in several ways.
 */
export function parsePathPrefix(text: string): string {
  const readings = /^\/[^?#;\\]*$/.test(text) && !/\/\//.test(text) ? readPath(toBytes(text)) : undefined;
  const [prefix, ...others] = readings?.exact ?? [];
  if (prefix === undefined || others.length > 0 || readings?.folded.length !== 1) {
    throw new RangeError(
      "Expected a path such as /api/v1, without query, dot segments, //, ; and \\, escaped once at most",
    );
  }
  return prefix.replace(/\/$/, "");
}

/** Whole segments count: `/api` has `/api` and `/api/x` below it, not `/apix`. */
function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/");
}

function decodeAll(path: string): string[] | undefined {
  const levels = [decode(path.replaceAll(/%(2f|5c)/gi, "%25$1"))];
  let level = path;
  for (let count = 0; NEEDS_DECODING.test(level); count++) {
    if (count === MAX_LEVELS) return undefined;
    level = decode(level);
    levels.push(level);
  }
  return levels;
}

function decode(bytes: string): string {
  return bytes.replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function isAmbiguous(bytes: string): boolean {
  return CONTROL.test(bytes) || OVERLONG.test(bytes) || WIDE_ESCAPE.test(bytes) ||
    hasHiddenDotSegments(bytes);
}

/** A `?` in what was decoded does not begin a query. */
function hasHiddenDotSegments(text: string): boolean {
  return hasDotSegments(text.replaceAll("?", "_"));
}

/** UTF-8 where it is, else latin1. */
function toText(bytes: string): string {
  try {
    return decoder.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
  } catch {
    return bytes;
  }
}

function toBytes(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
