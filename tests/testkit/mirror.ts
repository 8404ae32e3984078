/**
 * A target that answers with the head it got, byte for byte, and what tests read out of that.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RawServer } from "../../connector/targets/testkit.ts";
import { latin1, type RawResponse } from "./tcp.ts";

/** What a target got. */
export interface Mirrored {
  readonly requestLine: string;
  /** Header lines in order, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Starts the target. `lines` are header lines for its answers. */
export function startMirror(lines: readonly string[] = []): Promise<RawServer> {
  return RawServer.start(async (connection) => {
    while (!connection.socket.destroyed) {
      const head = await Promise.race([connection.head(), connection.closed]);
      if (head === undefined) return;
      const answer = ["HTTP/1.1 200 OK", ...lines, `Content-Length: ${head.length}`, "", ""].join("\r\n");
      connection.send(`${answer}${head}`);
    }
  });
}

/** What the target got. */
export function mirrored({ status, body }: RawResponse): Mirrored {
  const text = latin1(body);
  assert.equal(status, 200, text);
  const [requestLine = "", ...lines] = text.trimEnd().split("\r\n");
  return {
    requestLine,
    headers: lines.map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
    }),
  };
}

/** All values of a header, joined by ` | `. */
export function valuesOf({ headers }: Mirrored, name: string): string {
  return headers.filter(([key]) => key === name).map(([, value]) => value).join(" | ");
}
