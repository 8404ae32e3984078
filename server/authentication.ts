/**
 * The part of the composition root that decides who issues tokens: this server itself, or an OIDC authority.
 *
 * @module
 */

import { Hono } from "hono";
import {
  Authority,
  AuthorityTokenVerifier,
  BuiltinTokenVerifier,
  createAuthRoutes,
  ProtectedSigningKeys,
  type ProvisioningStore,
  SecretStates,
  SigningKeys,
  TenantProvisioning,
  TokenIssuer,
  type TokenVerifier,
  TrustedIssuers,
} from "./auth/mod.ts";
import type { ServerConfig } from "./config/server_config.ts";
import type { WebBindings, WebRoutes } from "./http/web_routes.ts";
import {
  AuditRepository,
  type Database,
  SecretRepository,
  SigningKeyRepository,
  type Tenant,
  TenantRepository,
} from "./persistence/mod.ts";

/** Gives a request the URL under which its client reaches this server. */
export type BaseUrl = (bindings: WebBindings) => string;

/** What authentication is put together from. */
export interface AuthenticationParts {
  readonly config: ServerConfig;
  readonly database: Database;
  /** Tenants as requests see them. */
  readonly tenantCache: { findByName(name: string): Promise<Tenant | undefined> };
  /** Told after a tenant was made or changed because of a token. */
  readonly tenantChanged: (tenantId: string) => void;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Tokens, as the rest of the server sees them. */
export interface Authentication extends Disposable {
  /** Verifies tokens of connectors and clients. */
  readonly verifier: TokenVerifier;
  /** Verifies tokens of issuers that a tenant's policy names. */
  readonly trustedIssuers: TrustedIssuers;
  /** Makes the routes of the built-in issuer; an application without any when it is not used. */
  routes(baseUrl: BaseUrl): WebRoutes;
  /** Where connectors get their tokens, for the discovery document. */
  authorizationServer(baseUrl: string): string;
  /** A secret is gone: tokens that were got with it do not count any more. */
  forgetSecret(secretId: string): void;
  /** Makes ready what tokens are signed or verified with. */
  start(): Promise<void>;
  /** Makes a new signing key when that is due. @returns Whether there is a new one; never where another authority signs. */
  rotateIfDue(): Promise<boolean>;
}

/** Puts together what the configuration asks for. */
export function createAuthentication(parts: AuthenticationParts): Authentication {
  const { config, now } = parts;
  const trustedIssuers = new TrustedIssuers({ fetch, now, audience: config.auth.audience });
  return config.auth.issuer === "builtin"
    ? createBuiltin(parts, trustedIssuers)
    : createExternal(parts, trustedIssuers, config.auth.issuer);
}

function createBuiltin({ config, database, now }: AuthenticationParts, trustedIssuers: TrustedIssuers): Authentication {
  const { audience, tokenLifetime: tokenLifetimeMs } = config.auth;
  const secrets = new SecretRepository(database, now);
  const { encryptionKey: current, previousEncryptionKey: previous } = config.auth;
  const store = new ProtectedSigningKeys(new SigningKeyRepository(database), { current, previous });
  const keys = new SigningKeys({ store, tokenLifetimeMs, now });
  const states = new SecretStates({ source: secrets, durationMs: config.tenantInfoCacheDuration, now });
  const tenants = new TenantRepository(database, now);
  const issuer = new TokenIssuer({ tenants, secrets, signer: keys, audience, tokenLifetimeMs, now });
  const named = config.publicUrl === undefined ? {} : { issuer: config.publicUrl };
  return {
    verifier: new BuiltinTokenVerifier({ keys, audience, secrets: states, ...named, now }),
    trustedIssuers,
    routes: (baseUrl) => createAuthRoutes({ issuer, keys, baseUrl }),
    authorizationServer: (baseUrl) => `${baseUrl}/`,
    forgetSecret: (secretId) => states.forget(secretId),
    start: async () => void await keys.rotateIfDue(),
    rotateIfDue: () => keys.rotateIfDue(),
    [Symbol.dispose]: () => trustedIssuers[Symbol.dispose](),
  };
}

function createExternal(parts: AuthenticationParts, trustedIssuers: TrustedIssuers, issuer: string): Authentication {
  const { config, database, tenantCache, tenantChanged, now } = parts;
  const authority = new Authority({ issuer, fetch, now });
  const provisioning = config.automaticTenantCreation
    ? new TenantProvisioning({ store: provisioningStore(database, now), changed: tenantChanged })
    : undefined;
  return {
    verifier: new AuthorityTokenVerifier({
      authority,
      audience: config.auth.audience,
      tenants: tenantCache,
      provisioning,
    }),
    trustedIssuers,
    routes: () => new Hono(),
    authorizationServer: () => issuer,
    forgetSecret: () => {},
    start: () => Promise.resolve(authority.start()),
    rotateIfDue: () => Promise.resolve(false),
    [Symbol.dispose]: () => {
      authority[Symbol.dispose]();
      trustedIssuers[Symbol.dispose]();
    },
  };
}

function provisioningStore(database: Database, now: () => number): ProvisioningStore {
  const tenants = new TenantRepository(database, now);
  return {
    findByName: (name) => tenants.findByName(name),
    transaction: (work) =>
      database.transaction().execute((transaction) =>
        work({ tenants: new TenantRepository(transaction, now), audit: new AuditRepository(transaction, now) })
      ),
  };
}
