/**
 * A configuration as it may be shown: in the forms a file takes, and without secrets.
 *
 * @module
 */

import { formatTimeSpan } from "../time/duration.ts";
import { childOf, nodeOf, type Schema } from "./schema.ts";
import { formatSize } from "./size.ts";

/** What stands in place of a secret. */
export const MASK = "***";

/**
 * Makes a copy for people and logs: secrets become `***`, so do user and password in URLs; durations and sizes become text.
 *
 * @param schema The schema the configuration was checked with.
 * @param config The configuration, or the part of it that the schema describes.
 */
export function maskedConfig(schema: Schema, config: unknown): unknown {
  const node = nodeOf(schema);
  if (node.type !== "value") {
    const entries = Object.entries(config instanceof Object ? config : {}).flatMap(([key, value]) => {
      const child = childOf(node, key);
      return value === undefined || child === undefined ? [] : [[key, maskedConfig(child, value)]];
    });
    return Object.fromEntries(entries);
  }
  if (node.kind === "secret") return MASK;
  if (node.kind === "duration" && typeof config === "number") return formatTimeSpan(config);
  if (node.kind === "size" && typeof config === "number") return formatSize(config);
  return Array.isArray(config) ? config.map(maskUrl) : maskUrl(config);
}

function maskUrl(value: unknown): unknown {
  return typeof value === "string" ? value.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#]*@/, `$1${MASK}@`) : value;
}
