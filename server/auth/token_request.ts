/**
 * Reads a token request of the client credentials grant: RFC 6749, sections 2.3.1 and 4.4.2.
 *
 * @module
 */

import { OAuthError } from "./oauth_error.ts";

/** Who asks for a token, and for what. */
export interface TokenRequest {
  readonly clientId: string;
  readonly clientSecret: string;
  /** The scopes asked for; empty when the client leaves it to the server. */
  readonly scope: readonly string[];
}

type ClientCredentials = Pick<TokenRequest, "clientId" | "clientSecret">;

/**
 * Reads a token request.
 *
 * @param body The request's body, form-encoded.
 * @param authorization The request's `Authorization` header, if it has one.
 * @throws {OAuthError} `unsupported_grant_type` for any grant but client credentials; `invalid_client` when there are no credentials or they
 * cannot be read; `invalid_request` when a parameter is missing, stands twice, or there are credentials in two places.
 */
export function parseTokenRequest(body: string, authorization: string | undefined): TokenRequest {
  const parameters = parseParameters(body);
  const grantType = parameters.get("grant_type");
  if (grantType === undefined) throw new OAuthError("invalid_request", "The parameter grant_type is missing");
  if (grantType !== "client_credentials") {
    throw new OAuthError("unsupported_grant_type", "Only the grant type client_credentials is supported");
  }
  const scope = parameters.get("scope")?.split(" ").filter((word) => word !== "") ?? [];
  return { ...credentialsOf(parameters, authorization), scope };
}

/** An empty parameter counts as absent, one that stands twice is an error: RFC 6749, section 3.2. */
function parseParameters(body: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(body)) {
    if (parameters.has(name)) throw new OAuthError("invalid_request", "A parameter stands twice");
    if (value !== "") parameters.set(name, value);
  }
  return parameters;
}

function credentialsOf(parameters: ReadonlyMap<string, string>, authorization: string | undefined): ClientCredentials {
  const clientId = parameters.get("client_id");
  const clientSecret = parameters.get("client_secret");
  if (authorization === undefined) {
    if (clientId !== undefined && clientSecret !== undefined) return { clientId, clientSecret };
    throw new OAuthError("invalid_client", "The client's id or its secret is missing");
  }
  if (clientSecret !== undefined) {
    throw new OAuthError("invalid_request", "The client's secret is in the header and in the body");
  }
  const credentials = parseBasicCredentials(authorization);
  if (clientId !== undefined && clientId !== credentials.clientId) {
    throw new OAuthError("invalid_request", "The client's id in the header is not the one in the body");
  }
  return credentials;
}

/** Id and secret are form-encoded before they are joined: RFC 6749, section 2.3.1. */
function parseBasicCredentials(authorization: string): ClientCredentials {
  try {
    const [, encoded = ""] = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(authorization) ?? [];
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(encoded));
    const [, id, secret] = /^([^:]+):(.+)$/s.exec(text) ?? [];
    if (id !== undefined && secret !== undefined) {
      return { clientId: formDecode(id), clientSecret: formDecode(secret) };
    }
  } catch (error) {
    throw new OAuthError("invalid_client", "The Authorization header cannot be read", { cause: error });
  }
  throw new OAuthError("invalid_client", "The Authorization header does not hold the client's id and its secret");
}

function formDecode(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}
