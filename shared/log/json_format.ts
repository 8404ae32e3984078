/**
 * Log records as lines of JSON: `time`, `level`, `category`, `message`, and the properties beside them. (LogTape's own formatter costs twice
 * as much per line.)
 *
 * @module
 */

import { jsonLinesFormatter, type LogRecord } from "@logtape/logtape";
import { describeError } from "./describe_error.ts";

/**
 * Makes a formatter. Properties named like one of the record's own fields do not replace it.
 *
 * @param options Whether errors have their stack also below severity error.
 */
export function jsonFormatter({ showsStacks }: { showsStacks: boolean }): (record: LogRecord) => string {
  return (record) => {
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

function errorFields(error: Error, hasStack: boolean): Record<string, unknown> {
  const code: unknown = "code" in error ? error.code : undefined;
  return { name: error.name, message: describeError(error), code, stack: hasStack ? error.stack : undefined };
}
