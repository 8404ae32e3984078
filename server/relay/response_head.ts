/**
 * The head of a target's response as the client may get it.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { endToEndHeaders } from "../../shared/http/headers.ts";
import { type HeaderLine, type HeaderLines, isStreamBody, type RelayResponse } from "../../shared/http/message.ts";
import { giveUpBody } from "./response_body.ts";

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Control characters would end the head early, or the process that writes it; above U+00FF nothing is a byte. */
const FORBIDDEN_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/;
const LENGTH = /^[0-9]{1,15}$/;
const BODILESS = new Set([204, 205, 304]);

/**
 * Leaves out what concerns only the connector's side, and says how long the body is. Connectors are not trusted with what a client's parser
 * has to swallow.
 *
 * @param method Of the request: a response to `HEAD` tells the length of a body that is not there.
 * @throws {RelayError} `target_invalid_response` for header lines that HTTP cannot carry.
 */
export function responseHeaders({ headers, status, body }: RelayResponse, method: string): HeaderLine[] {
  checkLines(headers);
  if (method === "HEAD" || status === 304) return withOneLength(endToEndHeaders(headers));
  const lines = endToEndHeaders(headers, (name) => name === "content-length");
  if (isStreamBody(body) && body.length !== undefined) lines.push(["Content-Length", String(body.length)]);
  return lines;
}

/** A response with the headers that the client is to get; more may be added to them. */
export interface ClientResponse extends RelayResponse {
  readonly headers: HeaderLine[];
}

/**
 * Makes a response one for the client.
 *
 * @param method Of the client's request: whatever the target was asked, `HEAD` is answered without a body. Statuses that have none get none,
 * so that nobody waits for the client to read it.
 * @throws {RelayError} `target_invalid_response` as {@link responseHeaders}; the body is given up then.
 */
export function withClientHeaders(response: RelayResponse, method: string): ClientResponse {
  const { status, body } = response;
  const sent = method === "HEAD" || BODILESS.has(status) ? null : body;
  try {
    const headers = responseHeaders({ status, headers: response.headers, body: sent }, method);
    if (sent === null) giveUpBody(body);
    return { status, headers, body: sent };
  } catch (error) {
    giveUpBody(body);
    throw error;
  }
}

function checkLines(headers: HeaderLines): void {
  for (const [name, value] of headers) {
    if (!NAME.test(name) || FORBIDDEN_IN_VALUES.test(value)) {
      throw new RelayError("target_invalid_response", "The target answered with a header that HTTP cannot carry");
    }
  }
}

/** Nothing else checks a length that no body follows. */
function withOneLength(lines: HeaderLine[]): HeaderLine[] {
  const lengths = lines.filter(([name]) => name.toLowerCase() === "content-length");
  if (lengths.length === 0 || (lengths.length === 1 && LENGTH.test(lengths[0]![1]))) return lines;
  throw new RelayError("target_invalid_response", "The target answered with a malformed Content-Length");
}
