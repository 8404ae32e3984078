/**
 * Gets access tokens with the tenant's secret: OAuth 2 client credentials.
 *
 * @module
 */

import * as oauth from "oauth4webapi";
import { ConnectError } from "./connect_error.ts";
import { type HttpOptions, reasonOf } from "./discovery.ts";

/** Who asks. */
export interface Credentials {
  readonly tenantName: string;
  readonly tenantSecret: string;
}

/** A token and how long it holds. */
export interface AccessToken {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What a token without a stated lifetime is taken for, in seconds. */
const DEFAULT_LIFETIME_SECONDS = 300;

/**
 * Gets a token with the scope `connector`.
 *
 * @param authorizationServer From the discovery document.
 * @throws {ConnectError} `authentication_failed` when the credentials are refused, `server_unreachable`, `server_unavailable`.
 */
export async function fetchToken(
  authorizationServer: string,
  credentials: Credentials,
  http: HttpOptions,
): Promise<AccessToken> {
  const issuer = new URL(authorizationServer);
  const options = {
    [oauth.customFetch]: (
      url: string,
      { body, signal, ...init }: oauth.CustomFetchOptions<string, BodyInit | undefined>,
    ) => http.fetch(url, { ...init, body: body ?? null, signal: signal ?? null }),
    [oauth.allowInsecureRequests]: issuer.protocol === "http:",
    signal: AbortSignal.any([http.signal, AbortSignal.timeout(http.timeoutMs)]),
  };
  try {
    const discovered = await oauth.discoveryRequest(issuer, options);
    if (!discovered.ok) {
      await discovered.body?.cancel();
      throw new ConnectError(
        "server_unavailable",
        `${issuer.href} is no authorization server: it answered ${discovered.status}`,
      );
    }
    // The issuer is known by its address; how it spells its own name does not matter to who only asks it for tokens.
    const server = await discovered.json() as oauth.AuthorizationServer;
    const answer = await requestToken(server, credentials, options);
    const lifetimeSeconds = answer.expires_in ?? DEFAULT_LIFETIME_SECONDS;
    return { token: answer.access_token, expiresAt: Date.now() + lifetimeSeconds * 1000 };
  } catch (cause) {
    throw translate(cause, issuer);
  }
}

type RequestOptions = oauth.ClientCredentialsGrantRequestOptions;

/** Nobody has to tell the connector how its client was set up: what the authorization server supports is tried in turn. */
async function requestToken(
  server: oauth.AuthorizationServer,
  { tenantName, tenantSecret }: Credentials,
  options: RequestOptions,
): Promise<oauth.TokenEndpointResponse> {
  const client: oauth.Client = { client_id: tenantName };
  const ways = authenticationsOf(server);
  for (const [index, authentication] of ways.entries()) {
    try {
      const response = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        authentication(tenantSecret),
        { scope: "connector" },
        options,
      );
      return await oauth.processClientCredentialsResponse(server, client, response);
    } catch (error) {
      if (!isClientRefused(error) || index === ways.length - 1) throw error;
    }
  }
  throw new ConnectError("server_unavailable", `${server.issuer} gives no tokens for a client's secret`);
}

/** RFC 8414, section 2: a server that does not say supports the header only. */
function authenticationsOf({ token_endpoint_auth_methods_supported: supported }: oauth.AuthorizationServer) {
  const isSupported = (method: string) => (supported ?? ["client_secret_basic"]).includes(method);
  return [
    ...(isSupported("client_secret_post") ? [oauth.ClientSecretPost] : []),
    ...(isSupported("client_secret_basic") ? [oauth.ClientSecretBasic] : []),
  ];
}

function isClientRefused(error: unknown): boolean {
  return error instanceof oauth.WWWAuthenticateChallengeError ||
    (error instanceof oauth.ResponseBodyError && error.error === "invalid_client");
}

function translate(cause: unknown, issuer: URL): ConnectError {
  if (cause instanceof ConnectError) return cause;
  if (cause instanceof oauth.ResponseBodyError) {
    const said = cause.error_description ?? cause.error;
    return new ConnectError("authentication_failed", `${issuer.origin} refused the tenant's credentials: ${said}`, {
      cause,
    });
  }
  if (cause instanceof oauth.WWWAuthenticateChallengeError) {
    return new ConnectError("authentication_failed", `${issuer.origin} refused the tenant's credentials`, { cause });
  }
  if (cause instanceof oauth.OperationProcessingError || cause instanceof SyntaxError) {
    return new ConnectError("server_unavailable", `${issuer.origin} gave no token: ${reasonOf(cause)}`, { cause });
  }
  return new ConnectError("server_unreachable", `Cannot reach ${issuer.origin}: ${reasonOf(cause)}`, { cause });
}
