/**
 * Entity tags (RFC 9110, section 8.8.3): which version of something a client has seen.
 *
 * @module
 */

import { ManagementError } from "../management_error.ts";

const ENTITY_TAG = /(W\/)?"([\x21\x23-\x7e]*)"/g;
const LIST = /^\s*(?:W\/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e]*")*\s*$/;

/** What a tag stands for. */
export interface Tagged {
  /** What a change may start from. */
  readonly version: number;
  /** Shown with it, and no part of the version. */
  readonly connections: number;
}

/** The tag of a version as it is shown. */
export function entityTag(tagged: Tagged): string {
  return `"${textOf(tagged)}"`;
}

function textOf({ version, connections }: Tagged): string {
  return connections === 0 ? String(version) : `${version}-${connections}`;
}

/**
 * The versions of which a change may start, by its `If-Match`.
 *
 * @returns Undefined when any will do.
 * @throws {ManagementError} `invalid_request` when the header is malformed.
 */
export function readIfMatch(header: string | undefined): readonly number[] | undefined {
  if (header === undefined || header.trim() === "*") return undefined;
  return tagsOf(header, "If-Match").filter(({ isWeak }) => !isWeak).map(({ text }) => Number(text.split("-", 1)[0]));
}

/** Whether a client has this already, by its `If-None-Match`. */
export function isKnown(header: string | undefined, tagged: Tagged): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  return tagsOf(header, "If-None-Match").some(({ text }) => text === textOf(tagged));
}

function tagsOf(header: string, name: string): { text: string; isWeak: boolean }[] {
  if (!LIST.test(header)) {
    throw new ManagementError("invalid_request", `Cannot read ${name}: expected entity tags such as "1"`, {
      problems: [{ in: "header", path: name.toLowerCase(), message: 'Expected entity tags such as "1"' }],
    });
  }
  return [...header.matchAll(ENTITY_TAG)].map(([, weak, text = ""]) => ({ text, isWeak: weak !== undefined }));
}
