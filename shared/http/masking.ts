/**
 * Takes credentials out of messages, before somebody sees them or they are stored to be seen.
 *
 * @module
 */

import type { HeaderLine, HeaderLines } from "./message.ts";

/** What stands in place of the value of a masked header. */
export const MASKED_VALUE = "[masked]";

/** Headers, in lower case, whose values are never shown. */
export const ALWAYS_MASKED_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "relayserver-authorization",
  "cookie",
  "cookie2",
  "set-cookie",
  "set-cookie2",
  "api-key",
  "x-api-key",
  "x-auth-token",
  "x-access-token",
  "x-amz-security-token",
  "x-csrf-token",
  "x-xsrf-token",
  "authentication-info",
  "proxy-authentication-info",
  "relayserver-acknowledgeurl",
]);

/** The token of an acknowledge URL, also one that JSON or HTML wrote. */
const ACKNOWLEDGE_TOKEN =
  /(\/acknowledge\\?\/[^\s"'<>?]{1,300}\?(?:[^\s"'<>#]{0,300}&(?:amp;)?)?token(?:=|%3D|\\u003[dD]))([^\s"'<>&#\\]+)/gi;

/** Parameters of a query or a fragment by which credentials are known to travel. */
const SECRET_PARAMETER =
  /([?&#;](?:access_token|refresh_token|id_token|token|api[-_]?key|apikey|key|password|passwd|pwd|secret|client_secret|client_assertion|code|sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|sas|auth|session|sessionid|sid|jwt|ticket)=)([^&#;\s"'<>]+)/gi;

/** Masks what is secret in a text such as a path or a header's value. Its length stays. */
export function maskText(text: string): string {
  return maskAcknowledgeTokens(text).replace(SECRET_PARAMETER, starred);
}

/** Masks the values of headers by name, and what is secret in all others. */
export function maskHeaders(headers: HeaderLines, isMasked: (name: string) => boolean): HeaderLine[] {
  return headers.map(([name, value]) => [name, isMasked(name.toLowerCase()) ? MASKED_VALUE : maskText(value)]);
}

/** Masks the tokens of acknowledge URLs; nobody but the server and the target knows them otherwise. The length stays. */
export function maskAcknowledgeTokens(text: string): string {
  return text.replace(ACKNOWLEDGE_TOKEN, starred);
}

function starred(_match: string, before: string, secret: string): string {
  return before + "*".repeat(secret.length);
}
