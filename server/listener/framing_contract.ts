/**
 * The contract's part about where a request ends. What two programs in a row could understand in two ways ("request smuggling") is refused,
 * or has one meaning by which the request after it is still found. The table says which; it is part of `docs/http.md`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { converse, decode, handlerOf, type Listen, statusesIn, textAnswer } from "./testing.ts";

/** Which column of the table holds for a listener. */
export type Outcomes = "native" | "node";

/**
 * What becomes of a request with another one behind it. `refused`: answered with 400, or not at all, and the connection is closed, so that
 * nothing behind it is understood as a request. `400`: refused, but it is clear where it ends, and the next request is served. Anything else
 * is the body with which it was taken, in quotes, and the next request is served.
 */
type Outcome = "refused" | "400" | `"${string}"`;

/** Name, lines and body of a POST; outcome on `native`; outcome on `node`, when that differs. */
type Row = readonly [name: string, request: string, native: Outcome, node?: Outcome];

const CHUNKED = "3\r\nabc\r\n0\r\n\r\n";

const ROWS: readonly Row[] = [
  ["a length", "Content-Length: 3\r\n\r\nabc", '"abc"'],
  ["chunks", `Transfer-Encoding: chunked\r\n\r\n${CHUNKED}`, '"abc"'],
  ["chunks, spelled otherwise", `tRANSFER-eNCODING:  CHUNKED \r\n\r\n${CHUNKED}`, '"abc"'],
  ["neither", "\r\n", '""'],

  ["length, then chunks", `Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`, "refused"],
  ["chunks, then length", `Transfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\n${CHUNKED}`, "refused"],
  ["two lengths, the same", "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400", "refused"],
  ["two lengths, different", "Content-Length: 3\r\nContent-Length: 0\r\n\r\nabc", "refused"],
  ["a list of lengths", "Content-Length: 3, 3\r\n\r\nabc", "refused"],
  ["a length with a plus", "Content-Length: +3\r\n\r\nabc", "refused"],
  ["a length with a minus", "Content-Length: -3\r\n\r\nabc", "refused"],
  ["a length in hexadecimal", "Content-Length: 0x3\r\n\r\nabc", "refused"],
  ["a length of nothing", "Content-Length:\r\n\r\nabc", "refused"],
  ["a length with a space inside", "Content-Length: 3 0\r\n\r\nabc", "refused"],
  ["a length with zeros before it", "Content-Length: 003\r\n\r\nabc", '"abc"'],
  ["a length beyond counting", "Content-Length: 99999999999999999999\r\n\r\nabc", "refused"],
  ["a length under a similar name", "Content_Length: 3\r\n\r\n", '""'],

  ["two transfer encodings", `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`, "refused"],
  [
    "chunked and identity, two lines",
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${CHUNKED}`,
    "refused",
  ],
  [
    "identity and chunked, two lines",
    `Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`,
    "refused",
  ],
  ["chunked, identity", `Transfer-Encoding: chunked, identity\r\n\r\n${CHUNKED}`, "refused"],
  ["identity", "Transfer-Encoding: identity\r\n\r\n", "refused"],
  ["xchunked", `Transfer-Encoding: xchunked\r\n\r\n${CHUNKED}`, "refused"],
  ["quoted chunked", `Transfer-Encoding: "chunked"\r\n\r\n${CHUNKED}`, "refused"],
  ["chunked with a parameter", `Transfer-Encoding: chunked;q=1\r\n\r\n${CHUNKED}`, "refused"],
  ["an empty transfer encoding", "Transfer-Encoding:\r\n\r\n", "refused"],
  ["gzip, chunked", `Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNKED}`, "400", "refused"],
  ["chunked after a tab", `Transfer-Encoding:\tchunked\r\n\r\n${CHUNKED}`, '"abc"'],
  ["chunked after a vertical tab", `Transfer-Encoding: \x0bchunked\r\n\r\n${CHUNKED}`, "refused"],
  ["chunked under a name with a space", `Transfer-Encoding : chunked\r\n\r\n${CHUNKED}`, "refused"],
  ["a length under a name with a space", "Content-Length : 3\r\n\r\nabc", "refused"],
  ["chunked in a folded line", `Transfer-Encoding:\r\n chunked\r\n\r\n${CHUNKED}`, "refused"],
  ["a folded line", "X: a\r\n b\r\nContent-Length: 3\r\n\r\nabc", "refused"],
  ["a space before the first name", " Content-Length: 3\r\n\r\nabc", "refused"],
  ["a bare LF between lines", "X: a\nContent-Length: 3\r\n\r\nabc", '"abc"', "refused"],
  ["a bare CR in a value", "X: a\rContent-Length: 3\r\n\r\n", "refused"],
  ["a NUL in a value", "X: a\0b\r\nContent-Length: 3\r\n\r\nabc", "refused"],
  ["a NUL in a name", "X\0: a\r\nContent-Length: 3\r\n\r\nabc", "refused"],
  ["a line without a colon", "X\r\nContent-Length: 3\r\n\r\nabc", "refused"],
  ["a line without a name", ": a\r\nContent-Length: 3\r\n\r\nabc", "refused"],
  ["Connection that lists the length", "Connection: Content-Length\r\nContent-Length: 3\r\n\r\nabc", '"abc"'],

  ["a chunk with an extension", "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", '"abc"'],
  ["a chunk with zeros before its size", "Transfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\n0\r\n\r\n", '"abc"'],
  ["a trailer", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n", '"abc"'],
  ["a chunk size that is none", "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n", "refused"],
  ["a chunk size with a plus", "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", "refused"],
  ["a chunk size with 0x", "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", "refused"],
  ["a chunk size with a minus", "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", "refused"],
  ["an empty chunk size", "Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n", "refused"],
  [
    "a chunk size beyond counting",
    "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
    "refused",
  ],
  ["a chunk longer than its size", "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", "refused"],
  ["a chunk whose size ends with LF", "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "refused"],
  ["a chunk that ends with LF", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n", "refused"],
];

/** Registers the table's rows as tests. */
export function testFraming(name: string, listen: Listen, outcomes: Outcomes): void {
  for (const [shape, request, native, node = native] of ROWS) {
    const expected = outcomes === "native" ? native : node;
    Deno.test(`${name} finds the end of a request with ${shape}: ${expected}`, async () => {
      assert.equal(await outcomeOf(listen, request), expected);
    });
  }
}

/** Sends a POST with a second request behind it, and tells what was understood. */
async function outcomeOf(listen: Listen, rest: string): Promise<Outcome> {
  const taken: string[] = [];
  await using listener = await listen(handlerOf(async ({ target, body }) => {
    const bytes = await body?.bytes().catch(() => undefined) ?? new Uint8Array(0);
    taken.push(`${target} "${decode(bytes)}"`);
    return textAnswer("taken");
  }));
  const conversation = await converse(
    listener,
    `POST /first HTTP/1.1\r\nHost: h\r\n${rest}GET /second HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
  );
  const statuses = statusesIn(conversation);
  const [first = "", ...others] = taken;
  if (first.startsWith("/first") && others.join() === '/second ""' && statuses.join() === "200,200") {
    return first.slice("/first ".length) as Outcome;
  }
  if (taken.join() === '/second ""' && statuses.join() === "400,200") return "400";
  // The handler may have begun before the body turned out to be broken: it must not have been given one, nor anything else.
  assert.ok(taken.length === 0 || taken.join() === '/first ""', taken.join());
  assert.ok(statuses.length === 0 || statuses.join() === "400", `${statuses.join()} ${JSON.stringify(conversation)}`);
  return "refused";
}
