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
    const fields: Record<string, unknown> = {
      time: new Date(record.timestamp).toISOString(),
      level: record.level,
      category: record.category.join("."),
      message: record.message.map((part) => part instanceof Error ? describeError(part) : String(part)).join(""),
    };
    for (const [key, value] of Object.entries(record.properties)) {
      if (!Object.hasOwn(fields, key)) {
        fields[key] = value instanceof Error ? errorFields(value, showsStacks || isSevere) : value;
      }
    }
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
