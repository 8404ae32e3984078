/**
 * Tables for the terminal.
 *
 * @module
 */

import { escapeText } from "../../shared/log/text_format.ts";

const GAP = "  ";

/**
 * Lines up rows in columns.
 *
 * @param header The names of the columns.
 * @param rows Cells that are missing or empty are shown as `-`, so that every row has the same number of words for a script.
 * @returns The lines, each with its line break.
 */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows.map((row) => header.map((_, index) => escapeText(row[index] || "-")))];
  const widths = header.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)));
  return lines.map((line) => `${line.map((cell, index) => cell.padEnd(widths[index]!)).join(GAP).trimEnd()}\n`).join(
    "",
  );
}

/** A point in time, in milliseconds since 1970, in a cell. */
export function formatTime(time: number | null): string {
  return time === null ? "" : new Date(time).toISOString();
}
