/**
 * What becomes of a request when its target redirects it, after the rules of the Fetch standard ("HTTP-redirect fetch").
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { HeaderLines } from "../../shared/http/message.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import { WebOrigin } from "./web_origin.ts";

/** A request that can be sent again: its body is complete in memory. */
export interface RepeatableRequest {
  readonly origin: WebOrigin;
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly headers: HeaderLines;
  readonly body: null | Uint8Array;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Lines that describe a body. */
const OF_BODY = new Set(["content-encoding", "content-language", "content-length", "content-location", "content-type"]);

/** Lines that another origin must not see. */
const SECRET = new Set(["authorization", "cookie", "host", "proxy-authorization", "relayserver-acknowledgeurl"]);

/**
 * @param request What was sent.
 * @param response The answer to it.
 * @param isAllowed Whether requests may go to an address; to all when absent.
 * @returns What to send next; `undefined` when the response is the answer: it is no redirect, has no usable `Location`, or leads away from
 * HTTP.
 */
export function redirected(
  request: RepeatableRequest,
  response: RelayResponse,
  isAllowed?: (address: URL) => boolean,
): RepeatableRequest | undefined {
  if (!REDIRECTS.has(response.status)) return undefined;
  const url = locationOf(request, response.headers);
  if (url === undefined || isAllowed?.(url) === false) return undefined;
  const origin = new WebOrigin(url);
  const dropsBody = becomesGet(request.method, response.status);
  const leavesOrigin = origin.href !== request.origin.href;
  return {
    origin,
    method: dropsBody ? "GET" : request.method,
    path: url.pathname + url.search,
    headers: request.headers.filter(([name]) => {
      const lowerCaseName = name.toLowerCase();
      return !(dropsBody && OF_BODY.has(lowerCaseName)) && !(leavesOrigin && SECRET.has(lowerCaseName));
    }),
    body: dropsBody ? null : request.body,
  };
}

function becomesGet(method: string, status: number): boolean {
  if (status === 303) return method !== "GET" && method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}

function locationOf(request: RepeatableRequest, headers: HeaderLines): URL | undefined {
  const location = headers.find(([name]) => name.toLowerCase() === "location")?.[1];
  if (location === undefined) return undefined;
  // Header values are bytes; in URLs these mean UTF-8.
  const text = Buffer.from(location, "latin1").toString("utf8");
  const url = URL.parse(text, request.origin.href + request.path);
  return url?.protocol === "http:" || url?.protocol === "https:" ? url : undefined;
}
