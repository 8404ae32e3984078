/**
 * The issuer's HTTP interface: token endpoint (RFC 6749), discovery document and key set.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { JWK } from "jose";
import { getLogger } from "../../shared/log/mod.ts";
import { PersistenceError, SECRET_USES } from "../persistence/mod.ts";
import type { IssuedToken } from "./issuer.ts";
import { OAuthError } from "./oauth_error.ts";
import { SIGNING_ALGORITHM } from "./signing_keys.ts";
import { parseTokenRequest, type TokenRequest } from "./token_request.ts";

const TOKEN_PATH = "/connect/token";
const JWKS_PATH = "/.well-known/jwks.json";
const MAX_BODY_SIZE_BYTES = 16 * 1024;
const NOT_STORED = { "Cache-Control": "no-store", "Pragma": "no-cache" };

const RETRY_AFTER_SECONDS = "5";

const logger = getLogger("auth");

/** Gives tokens. */
export interface Issuer {
  /** @throws {OAuthError} When it gives none. */
  issue(request: TokenRequest, issuerUrl: string): Promise<IssuedToken>;
}

/** Gives the public keys. */
export interface KeySet {
  jwks(): Promise<{ keys: JWK[] }>;
}

/** What {@link createAuthRoutes} works with. */
export interface AuthRoutesOptions<Bindings extends object> {
  readonly issuer: Issuer;
  readonly keys: KeySet;
  /** The URL under which a client reaches this server; also names the issuer. Decided from what the listener knows of the request. */
  readonly baseUrl: (bindings: Bindings) => string;
}

/**
 * Makes the routes `POST /connect/token`, `GET /.well-known/openid-configuration` and `GET /.well-known/jwks.json`.
 *
 * @returns An application to be mounted at the root of the public listener.
 */
export function createAuthRoutes<Bindings extends object>(
  { issuer, keys, baseUrl }: AuthRoutesOptions<Bindings>,
): Hono<{ Bindings: Bindings }> {
  const issuerUrl = (context: { readonly env: unknown }) => baseUrl(context.env as Bindings).replace(/\/+$/, "");
  const limit = bodyLimit({
    maxSize: MAX_BODY_SIZE_BYTES,
    onError: (context) =>
      errorAnswer(context, { status: 413, error: "invalid_request", message: "The body is too large" }),
  });
  const app = new Hono<{ Bindings: Bindings }>();

  app.post(TOKEN_PATH, limit, async (context) => {
    if (!isForm(context.req.header("Content-Type"))) {
      throw new OAuthError("invalid_request", "The body must be application/x-www-form-urlencoded");
    }
    const request = parseTokenRequest(await readBody(context), context.req.header("Authorization"));
    const { accessToken, expiresInSeconds, scope } = await issuer.issue(request, issuerUrl(context));
    const answer = { access_token: accessToken, token_type: "Bearer", expires_in: expiresInSeconds, scope };
    return context.json(answer, 200, NOT_STORED);
  });

  app.get(
    "/.well-known/openid-configuration",
    (context) => context.json(discoveryDocument(issuerUrl(context))),
  );

  app.get(JWKS_PATH, async (context) => context.json(await keys.jwks()));

  app.onError((error, context) => {
    if (error instanceof OAuthError) {
      const status = error.code === "invalid_client" ? 401 : 400;
      return errorAnswer(context, { status, error: error.code, message: error.message });
    }
    if (error instanceof PersistenceError && error.code === "database_unavailable") {
      return errorAnswer(context, {
        status: 503,
        error: "temporarily_unavailable",
        message: "The server cannot look the secret up now, try again later",
      });
    }
    logger.error("The token issuer failed: {error}", { error });
    return errorAnswer(context, { status: 500, error: "server_error", message: "The server failed, try again later" });
  });
  return app;
}

function isForm(contentType: string | undefined): boolean {
  return contentType?.split(";")[0]?.trim().toLowerCase() === "application/x-www-form-urlencoded";
}

async function readBody(context: Context): Promise<string> {
  try {
    return await context.req.text();
  } catch (cause) {
    throw new OAuthError("invalid_request", "The body broke off", { cause });
  }
}

/** OpenID Connect Discovery 1.0, section 3, and RFC 8414; only what the client credentials grant needs. */
function discoveryDocument(issuerUrl: string) {
  return {
    issuer: issuerUrl,
    token_endpoint: issuerUrl + TOKEN_PATH,
    jwks_uri: issuerUrl + JWKS_PATH,
    grant_types_supported: ["client_credentials"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    scopes_supported: SECRET_USES,
    response_types_supported: [],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [SIGNING_ALGORITHM],
  };
}

interface ErrorAnswer {
  readonly status: 400 | 401 | 413 | 500 | 503;
  readonly error: string;
  readonly message: string;
}

/** RFC 6749, section 5.2. */
function errorAnswer(context: Context, { status, error, message }: ErrorAnswer): Response {
  const challenge = status === 401 ? { "WWW-Authenticate": 'Basic realm="relayserver"' } : {};
  const delay = status === 503 ? { "Retry-After": RETRY_AFTER_SECONDS } : {};
  return context.json({ error, error_description: message }, status, { ...NOT_STORED, ...challenge, ...delay });
}
