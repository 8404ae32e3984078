/**
 * Log records as lines of JSON: `time`, `level`, `category`, `message`, and the properties beside them. (LogTape's own formatter costs twice
 * as much per line.)
 *
 * @module
 */

import { jsonLinesFormatter, type LogRecord } from "@logtape/logtape";
import { describeError } from "./describe_error.ts";

let latestMs = NaN;
let latestTime = "";

const OWN_FIELDS = new Set(["time", "level", "category", "message"]);

/**
 * Makes a formatter. Properties named like one of the record's own fields do not replace it.
 *
 * @param options Whether errors have their stack also below severity error.
 */
export function jsonFormatter({ showsStacks }: { showsStacks: boolean }): (record: LogRecord) => string {
  return (record) => {
    const plain = formatPlain(record);
    if (plain !== undefined) return plain;
    const isSevere = record.level === "error" || record.level === "fatal";
    const message = record.message.map((part) => part instanceof Error ? describeError(part) : String(part)).join("");
    // Named first to stand first, and again to win over properties of the same names.
    const fields: Record<string, unknown> = { time: "", level: "", category: "", message, ...record.properties };
    for (const key in fields) {
      const value = fields[key];
      if (value instanceof Error) fields[key] = errorFields(value, showsStacks || isSevere);
    }
    fields.time = new Date(record.timestamp).toISOString();
    fields.level = record.level;
    fields.category = record.category.join(".");
    fields.message = message;
    try {
      return JSON.stringify(fields) + "\n";
    } catch {
      // A ring or a bigint, which LogTape's formatter can write.
      return jsonLinesFormatter(record);
    }
  };
}

/** Without a copy of the properties, where they need none: they hold no errors, and are not named like the record's own fields. */
function formatPlain({ properties, message, timestamp, level, category }: LogRecord): string | undefined {
  for (const name in properties) {
    if (OWN_FIELDS.has(name) || typeof properties[name] === "object") return undefined;
  }
  let text = "";
  for (const part of message) {
    if (part instanceof Error) return undefined;
    text += String(part);
  }
  const own = `{"time":"${isoTime(timestamp)}","level":"${level}","category":"${category.join(".")}","message":`;
  try {
    const rest = JSON.stringify(properties).slice(1);
    return `${own}${JSON.stringify(text)}${rest === "}" ? rest : `,${rest}`}\n`;
  } catch {
    return undefined;
  }
}

/** Of many lines in one millisecond only the first needs the text to be made. */
function isoTime(timestampMs: number): string {
  if (timestampMs !== latestMs) {
    latestTime = new Date(timestampMs).toISOString();
    latestMs = timestampMs;
  }
  return latestTime;
}

function errorFields(error: Error, hasStack: boolean): Record<string, unknown> {
  const code: unknown = "code" in error ? error.code : undefined;
  return { name: error.name, message: describeError(error), code, stack: hasStack ? error.stack : undefined };
}
