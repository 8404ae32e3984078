/**
 * Verifies tokens of issuers that somebody with the right to do so has named, such as in a tenant's access policy.
 *
 * @module
 */

import { decodeJwt, type JWTPayload } from "jose";
import { Authority, type AuthorityOptions } from "./authority.ts";
import { isIssuerUrl, isSameIssuer, withoutSlash } from "./issuer_url.ts";
import { scopesOf } from "./scope.ts";
import { TokenError } from "./token_error.ts";

/** Issuers whose keys are kept. The one that was asked for longest ago goes first. */
const MAX_AUTHORITIES = 100;

/** An issuer whose tokens are wanted. */
export interface TrustedIssuer {
  /** Its URL, see `isIssuerUrl`. */
  readonly issuer: string;
  /** Whom its tokens must be for; the server's own audience unless given. */
  readonly audience?: string;
}

/** What a token of a trusted issuer says. */
export interface TrustedToken {
  /** Which of the trusted issuers, spelled as the caller did. */
  readonly issuer: string;
  /** The token's `sub`. */
  readonly subject: string | undefined;
  readonly scope: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Everything it says. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What {@link TrustedIssuers} works with. */
export interface TrustedIssuersOptions extends Pick<AuthorityOptions, "fetch" | "now" | "monotonicNow" | "times"> {
  /** Audience where an issuer has none of its own. */
  readonly audience: string;
}

/** Verifies tokens of issuers that are named with each call. Only they are ever asked for anything. */
export class TrustedIssuers implements Disposable {
  readonly #options: TrustedIssuersOptions;
  /** By URL without a slash at its end; those used last stand last. */
  readonly #authorities = new Map<string, Authority>();

  constructor(options: TrustedIssuersOptions) {
    this.#options = options;
  }

  /** Ends what is being fetched. */
  [Symbol.dispose](): void {
    for (const authority of this.#authorities.values()) authority[Symbol.dispose]();
    this.#authorities.clear();
  }

  /**
   * Verifies a token: that one of the issuers has signed it, for its audience, and that it is valid now.
   *
   * @param options The issuers, named by an administrator and never by a request.
   * @throws {TokenError} `token_invalid`, also when it is of another issuer; `token_expired`.
   * @throws {RelayError} `authentication_unavailable` while the issuer's keys cannot be had.
   */
  async verify(token: string, { issuers }: { readonly issuers: readonly TrustedIssuer[] }): Promise<TrustedToken> {
    const named = issuerOf(token);
    const trusted = issuers.find(({ issuer }) => isSameIssuer(issuer, named));
    if (trusted === undefined || !isIssuerUrl(trusted.issuer)) {
      throw new TokenError("token_invalid", "Cannot accept token: its issuer is not trusted here");
    }
    const { issuer, audience = this.#options.audience } = trusted;
    const claims = await this.authority(issuer).verify(token, { audience });
    return { issuer, subject: claims.sub, scope: scopesOf(claims), expiresAt: (claims.exp ?? 0) * 1_000, claims };
  }

  /** The authority of that URL, known from earlier or new. */
  authority(issuer: string): Authority {
    const key = withoutSlash(issuer);
    const authority = this.#authorities.get(key) ?? new Authority({ ...this.#options, issuer });
    this.#authorities.delete(key);
    this.#authorities.set(key, authority);
    const [oldest] = this.#authorities;
    if (oldest !== undefined && this.#authorities.size > MAX_AUTHORITIES) {
      oldest[1][Symbol.dispose]();
      this.#authorities.delete(oldest[0]);
    }
    return authority;
  }
}

/** Not yet verified: says only whose keys to look for among those that are trusted. */
function issuerOf(token: string): string {
  let claims: JWTPayload;
  try {
    claims = decodeJwt(token);
  } catch (cause) {
    throw new TokenError("token_invalid", "Cannot accept token: it is malformed", { cause });
  }
  if (typeof claims.iss === "string") return claims.iss;
  throw new TokenError("token_invalid", "Cannot accept token: it does not name its issuer");
}
