/**
 * Log records as lines for people: time, severity, category, message, then the properties that the message does not show.
 *
 * @module
 */

import type { LogLevel, LogRecord } from "@logtape/logtape";
import { describeError } from "./describe_error.ts";

/** Control characters (line breaks, escape sequences), and invisible ones that make text run backwards or look like other text. */
const DECEIVING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Nearly every text, recognised a good deal faster. */
const PLAIN = /^[ -~]*$/;

/** Texts that are a word, which need no quotes. */
const WORD = /^[!#-<>-~]+$/;

const LABELS: Readonly<Record<LogLevel, string>> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO ",
  warning: "WARN ",
  error: "ERROR",
  fatal: "FATAL",
};

const COLORS: Readonly<Record<LogLevel, string>> = {
  trace: "\x1b[2m",
  debug: "\x1b[34m",
  info: "\x1b[32m",
  warning: "\x1b[33m",
  error: "\x1b[31m",
  fatal: "\x1b[35m",
};

/**
 * Makes a formatter. A record is one line whatever it contains; only the stacks of errors stand below it, indented.
 *
 * @param options Whether errors have their stack also below severity error, and whether severities have colours.
 */
export function textFormatter(
  { showsStacks, isColored }: { showsStacks: boolean; isColored: boolean },
): (record: LogRecord) => string {
  return (record) => {
    const label = isColored ? `${COLORS[record.level]}${LABELS[record.level]}\x1b[0m` : LABELS[record.level];
    let line = `${new Date(record.timestamp).toISOString()} ${label} ${record.category.join(".")}: `;
    record.message.forEach((part, index) => line += index % 2 === 0 ? escapeText(String(part)) : formatValue(part));
    const hasStacks = showsStacks || record.level === "error" || record.level === "fatal";
    const stacks: string[] = [];
    for (const [key, value] of Object.entries(record.properties)) {
      if (hasStacks && value instanceof Error) stacks.push(...stackLines(value));
      if (!isShown(record, key)) line += ` ${escapeText(key)}=${formatValue(value)}`;
    }
    return [line, ...stacks].join("\n") + "\n";
  };
}

/** Escapes what would let a text break out of its line or deceive its reader. */
export function escapeText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(DECEIVING, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`);
}

function formatValue(value: unknown): string {
  if (typeof value === "string") return WORD.test(value) ? value : escapeText(JSON.stringify(value));
  if (value instanceof Error) return escapeText(JSON.stringify(describeError(value)));
  if (typeof value !== "object" || value === null) return String(value);
  return escapeText(Deno.inspect(value, { compact: true, breakLength: Infinity, colors: false }));
}

function isShown(record: LogRecord, key: string): boolean {
  return typeof record.rawMessage === "string" && record.rawMessage.includes(`{${key}}`);
}

function stackLines(error: Error): readonly string[] {
  return (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)).map((line) =>
    `    ${escapeText(line.trim())}`
  );
}
