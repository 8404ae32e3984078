/**
 * The built-in OAuth 2 issuer: gives a tenant's connectors and clients tokens for their secrets.
 *
 * @module
 */

import { SignJWT } from "jose";
import { getLogger } from "../../shared/log/mod.ts";
import type { Secret, Tenant } from "../persistence/mod.ts";
import { OAuthError } from "./oauth_error.ts";
import { hashesAreEqual, hashSecret } from "./secret.ts";
import { type ActiveSigningKey, SIGNING_ALGORITHM } from "./signing_keys.ts";
import type { TokenRequest } from "./token_request.ts";

/** How exact `lastUsedAt` is. */
const LAST_USED_PRECISION_MS = 60_000;
/** Has no secrets: looked up for a tenant that does not exist, so that the answer takes as long. */
const NO_TENANT_ID = "00000000-0000-0000-0000-000000000000";

const logger = getLogger("auth");

/** Finds tenants. */
export interface TenantFinder {
  /** The tenant of that name, in any case, if there is one. */
  findByName(name: string): Promise<Tenant | undefined>;
}

/** The secrets of tenants. */
export interface SecretStore {
  /** A tenant's secrets, expired ones too. */
  listByTenant(tenantId: string): Promise<Secret[]>;
  /** Notes that a secret is used now. */
  markUsed(id: string): Promise<void>;
}

/** Gives the key that signs. */
export interface Signer {
  active(): Promise<ActiveSigningKey>;
}

/** What {@link TokenIssuer} works with. */
export interface TokenIssuerOptions {
  readonly tenants: TenantFinder;
  readonly secrets: SecretStore;
  readonly signer: Signer;
  /** Whom the tokens are for. */
  readonly audience: string;
  /** How long a token is valid, in milliseconds; full seconds count. */
  readonly tokenLifetimeMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** A token and what its owner should know of it. */
export interface IssuedToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly scope: string;
}

/** The built-in OAuth 2 issuer. */
export class TokenIssuer {
  readonly #options: TokenIssuerOptions;
  /** Ids of the secrets whose use is being noted. */
  readonly #marking = new Set<string>();

  constructor(options: TokenIssuerOptions) {
    this.#options = options;
  }

  /**
   * Gives a token.
   *
   * @param request Who asks: the client's id is the tenant's name, its secret one of the tenant's.
   * @param issuerUrl What the token names as its issuer.
   * @throws {OAuthError} `invalid_client` when there is no such tenant, it does not have this secret (these two look alike), the secret has
   * expired or the tenant is disabled; `invalid_scope` when the secret is not for what is asked.
   */
  async issue(request: TokenRequest, issuerUrl: string): Promise<IssuedToken> {
    const { tenant, secret } = await this.#authenticate(request);
    if (request.scope.some((scope) => scope !== secret.use)) {
      throw new OAuthError("invalid_scope", `This secret is for the scope ${secret.use} only`);
    }
    this.#noteUse(secret);
    const expiresInSeconds = this.#lifetimeSeconds(secret);
    const accessToken = await this.#sign(tenant, secret, { issuerUrl, expiresInSeconds });
    return { accessToken, expiresInSeconds, scope: secret.use };
  }

  /** A token ends with the secret it was got with. */
  #lifetimeSeconds({ expiresAt }: Secret): number {
    const { tokenLifetimeMs, now } = this.#options;
    const remainingMs = expiresAt === null ? Infinity : expiresAt - now();
    return Math.max(1, Math.floor(Math.min(tokenLifetimeMs, remainingMs) / 1_000));
  }

  async #authenticate({ clientId, clientSecret }: TokenRequest): Promise<{ tenant: Tenant; secret: Secret }> {
    const { tenants, secrets, now } = this.#options;
    const hash = await hashSecret(clientSecret);
    const tenant = await tenants.findByName(clientId);
    const stored = await secrets.listByTenant(tenant?.id ?? NO_TENANT_ID);
    const secret = stored.find((candidate) => hashesAreEqual(candidate.hash, hash));
    if (tenant === undefined || secret === undefined) {
      throw new OAuthError("invalid_client", "The client's id or its secret is wrong");
    }
    // Only who has the secret learns more.
    if (secret.expiresAt !== null && secret.expiresAt <= now()) {
      throw new OAuthError("invalid_client", "The client's secret has expired");
    }
    if (!tenant.enabled) throw new OAuthError("invalid_client", "The tenant is disabled");
    return { tenant, secret };
  }

  /** The token does not wait for this, nor depend on it. */
  #noteUse({ id, lastUsedAt }: Secret): void {
    const isNoted = lastUsedAt !== null && this.#options.now() - lastUsedAt < LAST_USED_PRECISION_MS;
    if (isNoted || this.#marking.has(id)) return;
    this.#marking.add(id);
    this.#options.secrets.markUsed(id)
      .catch((error: unknown) => logger.warn("Cannot note the use of a secret: {error}", { error }))
      .finally(() => this.#marking.delete(id));
  }

  async #sign(
    tenant: Tenant,
    secret: Secret,
    { issuerUrl, expiresInSeconds }: { issuerUrl: string; expiresInSeconds: number },
  ): Promise<string> {
    const { kid, privateKey } = await this.#options.signer.active();
    const nowSeconds = Math.floor(this.#options.now() / 1_000);
    return await new SignJWT({
      client_id: tenant.name,
      tenant_id: tenant.id,
      secret_id: secret.id,
      scope: secret.use,
    })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: "at+jwt", kid })
      .setIssuer(issuerUrl)
      .setSubject(tenant.id)
      .setAudience(this.#options.audience)
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      // Rounded up: a token holds at least as long as its owner is told.
      .setExpirationTime(Math.ceil(this.#options.now() / 1_000) + expiresInSeconds)
      .setJti(crypto.randomUUID())
      .sign(privateKey);
  }
}
