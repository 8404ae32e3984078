/**
 * What tests do as a client: tokens, requests, and the check of the relay's own answers.
 *
 * @module
 */

import assert from "node:assert/strict";
import { headerValue, type RawResponse } from "./tcp.ts";

/** Credentials of a token request. */
export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Asks the built-in issuer for a token; gives its answer as it is. */
export async function requestToken(
  serverUrl: string,
  { clientId, clientSecret }: ClientCredentials,
): Promise<Response> {
  return await fetch(`${serverUrl}/connect/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: clientSecret,
    }),
  });
}

/** Gets a token. */
export async function fetchToken(serverUrl: string, credentials: ClientCredentials): Promise<string> {
  const response = await requestToken(serverUrl, credentials);
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer.access_token;
}

/** What a problem must look like besides its status and code. */
export interface ProblemExpectation {
  readonly status: number;
  readonly code: string;
  /** Parts of the request that must not come back. */
  readonly notEchoed?: readonly string[];
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Checks that the relay itself answered, with this status and code, in the form of RFC 9457. */
export async function assertProblem(response: Response | RawResponse, expected: ProblemExpectation): Promise<void> {
  const { status, code, notEchoed = [] } = expected;
  const isRaw = !(response instanceof Response);
  const text = isRaw ? new TextDecoder().decode(response.body) : await response.text();
  const header = (name: string) => isRaw ? headerValue(response, name) : response.headers.get(name) ?? undefined;
  assert.equal(`${response.status} ${header("relayserver-error")}`, `${status} ${code}`, text);
  assert.equal(header("content-type"), "application/problem+json");
  const { title, detail, requestId, ...rest } = JSON.parse(text);
  assert.deepEqual(rest, { type: "about:blank", status, code });
  assert.ok(typeof title === "string" && title !== "" && typeof detail === "string" && detail !== "", text);
  assert.match(requestId, UUID);
  assert.equal(header("relayserver-requestid"), requestId);
  assert.equal(header("www-authenticate"), status === 401 ? "Bearer" : undefined);
  if (status === 503) assert.match(header("retry-after") ?? "", /^\d+$/);
  for (const part of notEchoed) assert.ok(!text.includes(part), `"${part}" came back in ${text}`);
}

/** Checks that a target answered, with this status and text. */
export async function assertAnswer(response: Response, expected: { status?: number; text: string }): Promise<void> {
  const text = await response.text();
  assert.equal(response.status, expected.status ?? 200, text);
  assert.equal(text, expected.text);
  assert.equal(response.headers.get("relayserver-error"), null);
}
