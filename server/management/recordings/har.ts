/**
 * Recorded requests as an HTTP archive (HAR 1.2), for the tools of browsers.
 *
 * @module
 */

import type { Content, Entry, Header, PostData, QueryString } from "har-format";
import { VERSION } from "../../../shared/version.ts";
import { headerValue } from "../../../shared/http/headers.ts";
import type { HeaderLines } from "../../../shared/http/message.ts";
import type { RecordedBody, RecordedHead, RecordedRequest, RecordedResponseHead } from "../../persistence/mod.ts";
import { fromBase64, toBodyContent } from "./body_content.ts";
import { type ServerAddress, urlOf } from "./export_address.ts";

const HTTP_VERSION = "HTTP/1.1";
/** The format's word for what is not known. */
const UNKNOWN = -1;

/** What begins an archive; entries follow, separated by commas, and then {@link HAR_END}. */
export const HAR_START = `{"log":{"version":"1.2","creator":${
  JSON.stringify({ name: "RelayServer", version: VERSION })
},"entries":[`;

/** What ends an archive. */
export const HAR_END = "]}}";

/** A recorded request, as the client sent and got it. What the format has no place for has names that begin with an underscore. */
export function toHarEntry(recorded: RecordedRequest, address: ServerAddress): Entry {
  const { requestId, target, outcome, errorCode, durationMs, startedAt } = recorded;
  const { clientRequest, clientResponse, maskedHeaders } = recorded.messages;
  return {
    startedDateTime: new Date(startedAt).toISOString(),
    time: durationMs,
    request: requestOf(clientRequest, address),
    response: responseOf(clientResponse),
    cache: {},
    timings: { send: 0, wait: durationMs, receive: 0 },
    _requestId: requestId,
    _target: target,
    _outcome: outcome,
    _errorCode: errorCode,
    _maskedHeaders: maskedHeaders,
  };
}

function requestOf(head: RecordedHead, address: ServerAddress): Entry["request"] {
  const { method, headers, body } = head;
  const url = asciiUrl(urlOf(head, address));
  return {
    method,
    url,
    httpVersion: HTTP_VERSION,
    cookies: [],
    headers: headersOf(headers),
    queryString: queryOf(url),
    ...(body === null ? {} : { postData: postDataOf(body, headers) }),
    headersSize: UNKNOWN,
    bodySize: body?.sizeBytes ?? 0,
  };
}

/** A client that left before has none, for which browsers write the status 0. */
function responseOf(head: RecordedResponseHead | null): Entry["response"] {
  const { status, headers, body } = head ?? { status: 0, headers: [], body: null };
  return {
    status,
    statusText: "",
    httpVersion: HTTP_VERSION,
    cookies: [],
    headers: headersOf(headers),
    content: contentOf(body, headers),
    redirectURL: headerValue(headers, "location") ?? "",
    headersSize: UNKNOWN,
    bodySize: body?.sizeBytes ?? 0,
  };
}

function postDataOf(body: RecordedBody, headers: HeaderLines): PostData {
  const { encoding, text, ...notes } = textOf(body, headers);
  const note = encoding === undefined ? {} : { _encoding: encoding };
  return { mimeType: headerValue(headers, "content-type") ?? "", text, ...note, ...notes } as PostData;
}

function contentOf(body: RecordedBody | null, headers: HeaderLines): Content {
  const mimeType = headerValue(headers, "content-type") ?? "x-unknown";
  if (body === null) return { size: 0, mimeType };
  return { size: body.sizeBytes, mimeType, ...textOf(body, headers) } as Content;
}

function textOf(body: RecordedBody, headers: HeaderLines) {
  const { base64, isCut, isComplete } = body;
  const { encoding, content } = toBodyContent({ bytes: fromBase64(base64), isCut: isCut || !isComplete }, headers);
  return {
    text: content,
    ...(encoding === "base64" ? { encoding } : {}),
    ...(isCut ? { comment: "Only the beginning was recorded" } : {}),
  };
}

function headersOf(headers: HeaderLines): Header[] {
  return headers.map(([name, value]) => ({ name, value }));
}

function queryOf(url: string): QueryString[] {
  const queryAt = url.indexOf("?");
  if (queryAt === -1) return [];
  return [...new URLSearchParams(url.slice(queryAt + 1))].map(([name, value]) => ({ name, value }));
}

/** A byte string as what a URL can be made of. */
function asciiUrl(url: string): string {
  return url.replaceAll(
    /[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
