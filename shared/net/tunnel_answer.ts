/**
 * A proxy's answer to `CONNECT`: the head of a response, of which only the status matters.
 *
 * @module
 */

/** An answer, and how much came behind its head. */
export interface TunnelAnswer {
  readonly status: number;
  readonly restBytes: number;
}

/** More than this, with the interim answers before it, is no answer to `CONNECT`. */
const MAXIMUM_HEAD_BYTES = 64 * 1024;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n/;
const HEAD_END = /\r?\n\r?\n/;
const BEGINNING = "HTTP/1.";

/**
 * Reads what has come from a proxy so far.
 *
 * @returns `incomplete` while the head has not ended, `invalid` when it is not one of HTTP/1.
 */
export function readTunnelAnswer(bytes: Uint8Array): TunnelAnswer | "incomplete" | "invalid" {
  // A character for each byte, so that positions are counts of bytes.
  const text = String.fromCharCode(...bytes.subarray(0, MAXIMUM_HEAD_BYTES));
  let readBytes = 0;
  let status: string | undefined;
  do {
    const head = text.slice(readBytes);
    if (!head.startsWith(BEGINNING.slice(0, head.length))) return "invalid";
    const end = HEAD_END.exec(head);
    if (end === null) return bytes.length < MAXIMUM_HEAD_BYTES ? "incomplete" : "invalid";
    status = STATUS_LINE.exec(head)?.[1];
    if (status === undefined) return "invalid";
    readBytes += end.index + end[0].length;
    // Interim answers are followed by the real one (RFC 9110 section 15.2).
  } while (status.startsWith("1"));
  return { status: Number(status), restBytes: bytes.length - readBytes };
}
