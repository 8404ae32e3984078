/**
 * W3C trace context (https://www.w3.org/TR/trace-context/). It passes through as it is; here only its trace id is read.
 *
 * @module
 */

import type { HeaderLines } from "../../shared/http/message.ts";

const NAME = "traceparent";
/** A later version may have more behind it. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

/** The id of the trace that a request belongs to, 32 hexadecimal digits; `undefined` when it belongs to none. */
export function traceIdOf(headers: HeaderLines): string | undefined {
  for (const [name, value] of headers) {
    // Most names differ in length, which costs nothing to see.
    if (name.length === NAME.length && name.toLowerCase() === NAME) return TRACEPARENT.exec(value)?.[1];
  }
  return undefined;
}
