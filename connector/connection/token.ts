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
    const client: oauth.Client = { client_id: credentials.tenantName };
    const authentication = oauth.ClientSecretPost(credentials.tenantSecret);
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      authentication,
      { scope: "connector" },
      options,
    );
    const answer = await oauth.processClientCredentialsResponse(server, client, response);
    const lifetimeSeconds = answer.expires_in ?? DEFAULT_LIFETIME_SECONDS;
    return { token: answer.access_token, expiresAt: Date.now() + lifetimeSeconds * 1000 };
  } catch (cause) {
    throw translate(cause, issuer);
  }
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
