/**
 * Verifies tokens of the OIDC authority that issues them in place of the built-in issuer. The claim `client_id` is the tenant's name, as in
 * RelayServer v3.
 *
 * @module
 */

import type { JWTPayload } from "jose";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { isTenantName, PersistenceError, type Tenant } from "../persistence/mod.ts";
import { scopesOf } from "./scope.ts";
import type { ClaimedTenant } from "./tenant_provisioning.ts";
import { TokenError } from "./token_error.ts";
import type { TokenVerifier, VerifiedToken, VerifyTokenOptions } from "./token_verifier.ts";

/** Verifies signature, issuer, audience and times of a token. */
export interface ClaimsVerifier {
  /**
   * @throws {TokenError} `token_invalid`, `token_expired`.
   * @throws {RelayError} `authentication_unavailable`.
   */
  verify(token: string, options: { readonly audience: string }): Promise<JWTPayload>;
}

/** What {@link AuthorityTokenVerifier} works with. */
export interface AuthorityTokenVerifierOptions {
  readonly authority: ClaimsVerifier;
  readonly audience: string;
  readonly tenants: { findByName(name: string): Promise<Tenant | undefined> };
  /** Makes the tenants of connectors; without it a token of an unknown tenant is refused. */
  readonly provisioning: { findByClaims(claimed: ClaimedTenant): Promise<Tenant> } | undefined;
}

/** Verifies tokens of an OIDC authority. */
export class AuthorityTokenVerifier implements TokenVerifier {
  readonly #options: AuthorityTokenVerifierOptions;

  constructor(options: AuthorityTokenVerifierOptions) {
    this.#options = options;
  }

  async verify(token: string, { scope }: VerifyTokenOptions): Promise<VerifiedToken> {
    const { authority, audience } = this.#options;
    const claims = await authority.verify(token, { audience });
    const scopes = scopesOf(claims);
    if (!scopes.includes(scope)) {
      throw new TokenError("scope_missing", `Cannot accept token: it does not have the scope "${scope}"`);
    }
    const tenant = await this.#tenantOf(claims, scope);
    if (tenant === undefined) {
      throw new TokenError("token_invalid", "Cannot accept token: there is no tenant of the name in its client_id");
    }
    return { tenantId: tenant.id, tenantName: tenant.name, scope: scopes, expiresAt: (claims.exp ?? 0) * 1_000 };
  }

  async #tenantOf(claims: JWTPayload, scope: string): Promise<Tenant | undefined> {
    const { tenants, provisioning } = this.#options;
    const { client_id: name } = claims;
    if (typeof name !== "string" || !isTenantName(name)) {
      throw new TokenError("token_invalid", "Cannot accept token: its client_id is not the name of a tenant");
    }
    try {
      if (scope !== "connector" || provisioning === undefined) return await tenants.findByName(name);
      return await provisioning.findByClaims({
        name,
        displayName: textOf(claims.client_name),
        description: textOf(claims.client_description),
      });
    } catch (cause) {
      if (!(cause instanceof PersistenceError)) throw cause;
      throw new RelayError("authentication_unavailable", "The server cannot check tokens at present", { cause });
    }
  }
}

function textOf(claim: unknown): string | undefined {
  return typeof claim === "string" && claim.trim() !== "" ? claim.trim() : undefined;
}
