/**
 * Lets only clients with a token of the tenant pass, where the tenant wants that.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import type { HeaderLines } from "../../shared/http/message.ts";
import { TokenError } from "../auth/token_error.ts";
import type { TokenVerifier } from "../auth/token_verifier.ts";
import type { Tenant } from "../persistence/tenants.ts";

const BEARER = /^bearer +([^ ]+)$/i;

/** What a client sent to say who it is. */
export interface ClientCredential {
  /** Name (lower case) of the header that it came in. */
  readonly header: string;
  readonly value: string;
  /** Whether that header is the relay's own, which no target ever sees. */
  readonly isRelaysOwn: boolean;
}

/** Reads a client's credential. `RelayServer-Authorization` goes before `Authorization`, which may be meant for the target. */
export function readCredential(headers: HeaderLines): ClientCredential | undefined {
  const isRelaysOwn = headerValue(headers, "relayserver-authorization") !== undefined;
  const header = isRelaysOwn ? "relayserver-authorization" : "authorization";
  const value = BEARER.exec(headerValue(headers, header) ?? "")?.[1];
  return value === undefined ? undefined : { header, value, isRelaysOwn };
}

/**
 * Checks a client's token.
 *
 * @returns The name (lower case) of the header whose token was consumed and must not reach the target.
 * @throws {RelayError} `authentication_required` without a valid token, `access_denied` with one of another tenant or scope.
 */
export async function authenticateClient(
  headers: HeaderLines,
  tenant: Tenant,
  verifier: TokenVerifier,
): Promise<string> {
  const credential = readCredential(headers);
  if (credential === undefined) throw new RelayError("authentication_required", "The tenant requires a token");
  try {
    const { tenantId } = await verifier.verify(credential.value, { scope: "client" });
    if (tenantId === tenant.id) return credential.header;
  } catch (cause) {
    if (!(cause instanceof TokenError)) throw cause;
    if (cause.code === "scope_missing") {
      throw new RelayError("access_denied", "The token does not have the scope client", { cause });
    }
    throw new RelayError("authentication_required", "The token is not valid", { cause });
  }
  throw new RelayError("access_denied", "The token belongs to another tenant");
}

/** Whether a request is a CORS preflight, which browsers send without credentials. */
export function isPreflight(method: string, headers: HeaderLines): boolean {
  return method === "OPTIONS" && headerValue(headers, "origin") !== undefined &&
    headerValue(headers, "access-control-request-method") !== undefined;
}
