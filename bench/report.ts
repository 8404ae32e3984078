/**
 * Tables for people: one line for each peer and load, one column for each metric, with the median and all values behind it.
 *
 * @module
 */

import { type Measurements, median, type Series } from "./measurements.ts";
import type { Verdict } from "./ratios.ts";

/**
 * Formats what one suite found.
 *
 * @returns Lines with a line feed each.
 */
export function formatSuite(measurements: Measurements, suite: string): string {
  const series = measurements.series.filter((one) => one.suite === suite);
  const metrics = unique(series.map(({ metric }) => whole(metric)));
  const rows = unique(series.map(({ load }) => load)).flatMap((load) =>
    unique(series.map(({ peer }) => peer)).map((peer) => ({ load, peer }))
  );
  const cells = rows.map(({ load, peer }) => [
    load,
    peer,
    ...metrics.map((metric) =>
      series.filter((one) => one.load === load && one.peer === peer && whole(one.metric) === metric)
        .map(formatSeries).join(", ")
    ),
  ]);
  const present = cells.filter((row) => row.slice(2).some((cell) => cell !== ""));
  const missing = measurements.missing.filter((one) => one.suite === suite)
    .map(({ peer, reason }) => `${peer}: not available: ${reason}\n`);
  return formatTable([[suite, "peer", ...metrics], ...present]) + missing.join("");
}

/** Formats the ratios with their bounds. */
export function formatVerdicts(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ ratio, values, isMet }) => [
    ratio.name,
    values.length === 0 ? "not measured" : formatValues(values, 2),
    "atLeast" in ratio ? `>= ${ratio.atLeast}` : `<= ${ratio.atMost}`,
    isMet ? "ok" : "MISSED",
  ]);
  return formatTable([["ratio", "median (every round)", "bound", ""], ...rows]);
}

/** Aligns columns; the first row is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | "));
  lines.splice(1, 0, widths.map((width) => "-".repeat(width)).join(" | "));
  return lines.map((line) => `| ${line} |\n`).join("");
}

function formatSeries({ metric, values }: Series): string {
  const part = metric.slice(whole(metric).length + 2);
  return `${part === "" ? "" : `${part} `}${formatValues(values)}`;
}

function formatValues(values: readonly number[], digits?: number): string {
  const all = values.map((value) => formatNumber(value, digits)).join(" ");
  return `${formatNumber(median(values), digits)}${values.length > 1 ? ` (${all})` : ""}`;
}

function formatNumber(value: number, digits = Math.abs(value) >= 100 ? 0 : 1): string {
  return value.toFixed(digits);
}

function whole(metric: string): string {
  return metric.split(": ")[0] ?? metric;
}

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
