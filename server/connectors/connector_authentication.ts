/**
 * Who a connector is, by its bearer token.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import type { HeaderLines } from "../../shared/http/message.ts";
import { TokenError } from "../auth/token_error.ts";
import type { TokenVerifier, VerifiedToken } from "../auth/token_verifier.ts";
import { PersistenceError } from "../persistence/errors.ts";
import type { Tenant } from "../persistence/tenants.ts";

const BEARER = /^bearer +([^ ]+)$/i;

/** Where tenants are looked up. */
export interface TenantsById {
  findById(id: string): Promise<Tenant | undefined>;
}

/** Checks tokens of connectors. */
export class ConnectorAuthentication {
  readonly #verifier: TokenVerifier;
  readonly #tenants: TenantsById;

  constructor({ verifier, tenants }: { readonly verifier: TokenVerifier; readonly tenants: TenantsById }) {
    this.#verifier = verifier;
    this.#tenants = tenants;
  }

  /** @throws {RelayError} `authentication_required`, `authentication_unavailable`, `access_denied`. */
  async verify(token: string): Promise<VerifiedToken> {
    try {
      return await this.#verifier.verify(token, { scope: "connector" });
    } catch (cause) {
      if (!(cause instanceof TokenError)) throw cause;
      if (cause.code === "scope_missing") {
        throw new RelayError("access_denied", "The token does not have the scope connector", { cause });
      }
      throw new RelayError("authentication_required", cause.message, { cause });
    }
  }

  /** @throws {RelayError} `authentication_required`, `authentication_unavailable`, `tenant_disabled`. */
  async tenantOf({ tenantId }: VerifiedToken): Promise<Tenant> {
    const tenant = await this.findTenant(tenantId);
    if (tenant === undefined) {
      throw new RelayError("authentication_required", "The token's tenant does not exist any more");
    }
    if (!tenant.enabled) throw new RelayError("tenant_disabled", "The tenant is disabled");
    return tenant;
  }

  /** @throws {RelayError} `authentication_unavailable`. */
  async findTenant(tenantId: string): Promise<Tenant | undefined> {
    try {
      return await this.#tenants.findById(tenantId);
    } catch (cause) {
      if (!(cause instanceof PersistenceError)) throw cause;
      throw new RelayError("authentication_unavailable", "The server cannot look the tenant up at present", { cause });
    }
  }
}

/** @throws {RelayError} `authentication_required`. */
export function bearerOf({ headers }: { readonly headers: HeaderLines }): string {
  const token = BEARER.exec(headerValue(headers, "authorization") ?? "")?.[1];
  if (token === undefined) throw new RelayError("authentication_required", "Connectors need a bearer token");
  return token;
}
