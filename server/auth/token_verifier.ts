/**
 * Verifies tokens of the built-in issuer.
 *
 * @module
 */

import { type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { PersistenceError } from "../persistence/mod.ts";
import type { SecretIdentity } from "./secret_states.ts";
import { SIGNING_ALGORITHM } from "./signing_keys.ts";
import { TokenError } from "./token_error.ts";
import { CLOCK_TOLERANCE_SECONDS, translateTokenFault } from "./token_fault.ts";

/** What a valid token says. */
export interface VerifiedToken {
  readonly tenantId: string;
  /** The tenant's name as it is stored. */
  readonly tenantName: string;
  /** Which of the tenant's secrets the token was got with; absent when it came from elsewhere. */
  readonly secretId?: string;
  readonly scope: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What the token is needed for. */
export interface VerifyTokenOptions {
  /** The scope it must have. */
  readonly scope: string;
}

/** Decides whether a token is good for something. */
export interface TokenVerifier {
  /**
   * @param token The token's text.
   * @throws {TokenError} `token_invalid`, `token_expired` or `scope_missing`.
   * @throws {RelayError} `authentication_unavailable` when it cannot be verified at present.
   */
  verify(token: string, options: VerifyTokenOptions): Promise<VerifiedToken>;
}

/** Finds public keys by their ids. */
export interface PublicKeys {
  /** The key with that id, if there is one. */
  find(kid: string): Promise<CryptoKey | undefined>;
}

/** What {@link BuiltinTokenVerifier} works with. */
export interface BuiltinTokenVerifierOptions {
  readonly keys: PublicKeys;
  readonly audience: string;
  /** Says whether the secret that a token was got with still counts; without it a token counts until it ends. */
  readonly secrets?: { isLive(secret: SecretIdentity): Promise<boolean> };
  /** The issuer that tokens must name, when it is known. */
  readonly issuer?: string;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Verifies tokens of the built-in issuer. */
export class BuiltinTokenVerifier implements TokenVerifier {
  readonly #options: BuiltinTokenVerifierOptions;

  constructor(options: BuiltinTokenVerifierOptions) {
    this.#options = options;
  }

  async verify(token: string, { scope }: VerifyTokenOptions): Promise<VerifiedToken> {
    const verified = asVerifiedToken(await this.#payloadOf(token));
    if (!verified.scope.includes(scope)) {
      throw new TokenError("scope_missing", `Cannot accept token: it does not have the scope "${scope}"`);
    }
    await this.#checkSecret(verified);
    return verified;
  }

  async #checkSecret({ secretId, tenantId }: VerifiedToken): Promise<void> {
    const { secrets } = this.#options;
    if (secrets === undefined || secretId === undefined) return;
    if (await secrets.isLive({ id: secretId, tenantId })) return;
    throw new TokenError("token_invalid", "Cannot accept token: the secret it was got with is not valid any more");
  }

  async #payloadOf(token: string): Promise<JWTPayload> {
    const { audience, issuer, now } = this.#options;
    try {
      const { payload } = await jwtVerify(token, (header) => this.#keyFor(header), {
        algorithms: [SIGNING_ALGORITHM],
        typ: "at+jwt",
        audience,
        ...(issuer === undefined ? {} : { issuer }),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(now()),
        requiredClaims: ["iss", "sub", "iat", "exp", "jti"],
      });
      return payload;
    } catch (error) {
      throw translateTokenFault(error);
    }
  }

  async #keyFor({ kid }: JWTHeaderParameters): Promise<CryptoKey> {
    const key = typeof kid === "string" ? await this.#findKey(kid) : undefined;
    if (key === undefined) throw new TokenError("token_invalid", "Cannot accept token: its signing key is not known");
    return key;
  }

  async #findKey(kid: string): Promise<CryptoKey | undefined> {
    try {
      return await this.#options.keys.find(kid);
    } catch (cause) {
      if (!(cause instanceof PersistenceError)) throw cause;
      throw new RelayError("authentication_unavailable", "The server cannot check tokens at present", { cause });
    }
  }
}

function asVerifiedToken({ tenant_id, client_id, secret_id, scope, exp }: JWTPayload): VerifiedToken {
  if (
    typeof tenant_id !== "string" || typeof client_id !== "string" || typeof scope !== "string" || exp === undefined
  ) {
    throw new TokenError("token_invalid", "Cannot accept token: it does not name a tenant and a scope");
  }
  return {
    tenantId: tenant_id,
    tenantName: client_id,
    ...(typeof secret_id === "string" ? { secretId: secret_id } : {}),
    scope: scope.split(" "),
    expiresAt: exp * 1_000,
  };
}
