/**
 * What is different about the answer to a request that was sent again.
 *
 * @module
 */

import { diffLines } from "diff";
import { z } from "zod";
import type { ResponseMessageDocument } from "./recording_document.ts";

/** Time and changes after which two bodies count as too different to say how. */
const MAX_DIFF_MS = 500;
const MAX_CHANGES = 5_000;

/** `JSON` as it is: its types do not know yet that it tells how a number is written. */
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
};

/** A comparison as it is shown. */
export const comparisonSchema = z.object({
  isSameStatus: z.boolean(),
  headers: z.array(z.object({
    name: z.string(),
    change: z.enum(["same", "changed", "added", "removed", "masked"]),
    recorded: z.array(z.string()),
    replayed: z.array(z.string()),
  })),
  body: z.object({
    isSame: z.boolean(),
    isPartial: z.boolean().meta({ description: "Whether one of them was not kept whole." }),
    lines: z.array(z.object({ change: z.enum(["same", "added", "removed"]), text: z.string() })).nullable().meta({
      description: "Runs of lines; null where they are no texts, or too different. JSON is compared value by value.",
    }),
  }),
}).meta({ id: "Comparison" });

/** A comparison as it is shown. */
export type Comparison = z.output<typeof comparisonSchema>;

/** What is compared. */
export interface Compared {
  readonly recorded: ResponseMessageDocument;
  readonly replayed: ResponseMessageDocument;
  /** Names of headers, in lower case, of which it is not known what they were. */
  readonly maskedHeaders: readonly string[];
}

/** Compares two responses. */
export function compareResponses({ recorded, replayed, maskedHeaders }: Compared): Comparison {
  return {
    isSameStatus: recorded.status === replayed.status,
    headers: compareHeaders({ recorded, replayed, maskedHeaders }),
    body: compareBodies(recorded.body, replayed.body),
  };
}

function compareHeaders({ recorded, replayed, maskedHeaders }: Compared): Comparison["headers"] {
  const [before, after] = [byName(recorded), byName(replayed)];
  return [...new Set([...before.keys(), ...after.keys()])].sort().map((name) => {
    const [old, current] = [before.get(name) ?? [], after.get(name) ?? []];
    const isSame = old.length === current.length && old.every((value, index) => value === current[index]);
    const change = maskedHeaders.includes(name)
      ? "masked"
      : isSame
      ? "same"
      : old.length === 0
      ? "added"
      : current.length === 0
      ? "removed"
      : "changed";
    return { name, change, recorded: old, replayed: current } as const;
  });
}

function byName({ headers }: ResponseMessageDocument): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    values.set(key, [...values.get(key) ?? [], value]);
  }
  return values;
}

function compareBodies(
  recorded: ResponseMessageDocument["body"],
  replayed: ResponseMessageDocument["body"],
): Comparison["body"] {
  const isPartial = [recorded, replayed].some((body) => body !== null && (body.isCut || !body.isComplete));
  const [before, after] = [contentOf(recorded), contentOf(replayed)];
  const isSame = before === after && (recorded?.sizeBytes ?? 0) === (replayed?.sizeBytes ?? 0);
  const isText = [recorded, replayed].every((body) => body === null || body.encoding === "text");
  return { isSame, isPartial, lines: isText ? linesOf(before, after) : null };
}

function contentOf(body: ResponseMessageDocument["body"]): string {
  return body === null ? "" : `${body.content}`;
}

function linesOf(recorded: string, replayed: string): Comparison["body"]["lines"] {
  const [before, after] = [prettyJson(recorded), prettyJson(replayed)];
  const areJson = before !== undefined && after !== undefined;
  const runs = diffLines(areJson ? before : recorded, areJson ? after : replayed, {
    timeout: MAX_DIFF_MS,
    maxEditLength: MAX_CHANGES,
  });
  return runs?.map(({ value, added, removed }) => ({
    change: added ? "added" : removed ? "removed" : "same",
    text: value,
  })) ?? null;
}

/** JSON with a value on each line, numbers as they are written; `undefined` for what is none. */
export function prettyJson(text: string): string | undefined {
  try {
    const value = json.parse(text, (_, value, { source }) => typeof value === "number" ? json.rawJSON(source) : value);
    return JSON.stringify(value, null, 2);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    // Stack overflow: it is nested so deeply that nobody would read it.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
