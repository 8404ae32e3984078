/**
 * One OIDC authority: verifies its tokens with its published keys.
 *
 * The keys are fetched when they are first needed, and again now and then, in the background. A token with a key that is not known makes
 * them be fetched at once, but not more often than every few seconds, whatever tokens are sent. While the authority cannot be reached the
 * keys that were fetched last count; when there are none yet, it is tried again with growing delays.
 *
 * @module
 */

import { createLocalJWKSet, errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from "jose";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { getLogger } from "../../shared/log/mod.ts";
import { type AuthorityDocuments, fetchAuthorityDocuments } from "./authority_documents.ts";
import { CLOCK_TOLERANCE_SECONDS, translateTokenFault } from "./token_fault.ts";
import { TokenError } from "./token_error.ts";

/** Signatures by key pairs only: a symmetric one could be made by whoever knows what the authority publishes. */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512"],
  ...["PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512"],
  ...["EdDSA", "Ed25519"],
];

const logger = getLogger("auth");

/** When keys are fetched, in milliseconds. */
export interface AuthorityTimes {
  /** After this long the keys are fetched again. */
  readonly maximumAgeMs: number;
  /** Tokens with unknown keys cause at most one fetch in this time. */
  readonly unknownKeyIntervalMs: number;
  /** Delay after the first failed fetch; it doubles with each. */
  readonly retryMinimumMs: number;
  readonly retryMaximumMs: number;
}

const DEFAULT_TIMES: AuthorityTimes = {
  maximumAgeMs: 600_000,
  unknownKeyIntervalMs: 5_000,
  retryMinimumMs: 500,
  retryMaximumMs: 60_000,
};

/** What an {@link Authority} works with. */
export interface AuthorityOptions {
  /** Its URL. */
  readonly issuer: string;
  readonly fetch: typeof fetch;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds, monotonic: how old what is remembered is. `performance.now` unless given. */
  readonly monotonicNow?: () => number;
  readonly times?: Partial<AuthorityTimes>;
}

interface Known {
  readonly issuer: string;
  readonly findKey: ReturnType<typeof createLocalJWKSet>;
  /** Monotonic. */
  readonly fetchedAtMs: number;
}

/** Verifies the tokens of one authority. Disposing it ends its fetches. */
export class Authority implements Disposable {
  readonly issuer: string;
  readonly #options: AuthorityOptions;
  readonly #monotonicNow: () => number;
  readonly #times: AuthorityTimes;
  readonly #closing = new AbortController();
  #known: Known | undefined;
  #fetching: Promise<void> | undefined;
  #failures = 0;
  /** When a token with an unknown key last caused a fetch, monotonic. */
  #unknownKeyAtMs = -Infinity;
  /** No fetch before this time, monotonic. */
  #retryAtMs = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: AuthorityOptions) {
    this.issuer = options.issuer;
    this.#options = options;
    this.#monotonicNow = options.monotonicNow ?? (() => performance.now());
    this.#times = { ...DEFAULT_TIMES, ...options.times };
  }

  /** Fetches the keys before they are needed, and tries on until it has them. */
  start(): void {
    if (this.#closing.signal.aborted || this.#known !== undefined) return;
    clearTimeout(this.#timer);
    this.#fetch().catch(() => {
      if (this.#closing.signal.aborted) return;
      this.#timer = setTimeout(() => this.start(), Math.max(1, this.#retryAtMs - this.#monotonicNow()));
    });
  }

  [Symbol.dispose](): void {
    this.#closing.abort(new Error("The server stops"));
    clearTimeout(this.#timer);
  }

  /**
   * Verifies a token: signature, issuer, audience and times.
   *
   * @returns What it claims.
   * @throws {TokenError} `token_invalid`, `token_expired`.
   * @throws {RelayError} `authentication_unavailable` while there are no keys to verify it with.
   */
  async verify(token: string, { audience }: { readonly audience: string }): Promise<JWTPayload> {
    const known = await this.#keys();
    try {
      return await this.#verifyWith(known, token, audience);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw translateTokenFault(error);
    }
    const fresh = await this.#keysAfter(known);
    try {
      if (fresh !== undefined) return await this.#verifyWith(fresh, token, audience);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw translateTokenFault(error);
    }
    throw new TokenError("token_invalid", "Cannot accept token: its signing key is not known");
  }

  async #verifyWith({ issuer, findKey }: Known, token: string, audience: string): Promise<JWTPayload> {
    const options: JWTVerifyOptions = {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(this.#options.now()),
      requiredClaims: ["exp"],
    };
    try {
      return (await jwtVerify(token, findKey, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw translateKeyFault(error);
      // The token does not say which of several keys it was signed with.
      for await (const key of error) {
        try {
          return (await jwtVerify(token, key, options)).payload;
        } catch (fault) {
          const isOfKey = fault instanceof errors.JWSSignatureVerificationFailed ||
            !(fault instanceof errors.JOSEError);
          if (!isOfKey) throw fault;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  }

  async #keys(): Promise<Known> {
    const nowMs = this.#monotonicNow();
    if (this.#known === undefined) {
      if (this.#fetching !== undefined || nowMs >= this.#retryAtMs) await this.#fetch().catch(() => {});
      if (this.#known === undefined) throw this.#unavailable();
    } else if (nowMs - this.#known.fetchedAtMs >= this.#times.maximumAgeMs && nowMs >= this.#retryAtMs) {
      this.#fetch().catch(() => {});
    }
    return this.#known;
  }

  /** The keys after those that a token's key is not among; nothing when it is too early to ask again, or there is no answer. */
  async #keysAfter(known: Known): Promise<Known | undefined> {
    const nowMs = this.#monotonicNow();
    if (this.#known !== known) return this.#known;
    const isDue = nowMs - this.#unknownKeyAtMs >= this.#times.unknownKeyIntervalMs && nowMs >= this.#retryAtMs;
    if (!isDue && this.#fetching === undefined) return undefined;
    if (isDue) this.#unknownKeyAtMs = nowMs;
    await this.#fetch().catch(() => {});
    return this.#known === known ? undefined : this.#known;
  }

  #unavailable(): RelayError {
    const waitMs = this.#retryAtMs - this.#monotonicNow();
    return new RelayError("authentication_unavailable", "The authority that issues tokens cannot be reached", {
      retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
    });
  }

  #fetch(): Promise<void> {
    return this.#fetching ??= this.#fetchOnce().finally(() => this.#fetching = undefined);
  }

  async #fetchOnce(): Promise<void> {
    const { fetch } = this.#options;
    try {
      const documents = await fetchAuthorityDocuments(this.issuer, { fetch, signal: this.#closing.signal });
      if (this.#failures > 0) logger.info("{issuer} can be reached again", { issuer: this.issuer });
      this.#known = toKnown(documents, this.#monotonicNow());
      this.#failures = 0;
      this.#retryAtMs = -Infinity;
    } catch (error) {
      const { retryMinimumMs, retryMaximumMs } = this.#times;
      const delayMs = Math.min(retryMaximumMs, retryMinimumMs * 2 ** this.#failures++);
      this.#retryAtMs = this.#monotonicNow() + delayMs;
      if (!this.#closing.signal.aborted) this.#report(error, delayMs);
      throw error;
    }
  }

  #report(error: unknown, delayMs: number): void {
    const consequence = this.#known === undefined
      ? "its tokens are refused with 503"
      : "the keys that were fetched last count";
    logger.warn("Cannot get keys of {issuer}, {consequence}, trying again in {delayMs} ms: {error}", {
      issuer: this.issuer,
      consequence,
      delayMs,
      error,
    });
  }
}

function toKnown({ issuer, keySet }: AuthorityDocuments, fetchedAtMs: number): Known {
  return { issuer, findKey: createLocalJWKSet(keySet), fetchedAtMs };
}

/** A key that is malformed or too short is told by other errors than those of the library. */
function translateKeyFault(cause: unknown): unknown {
  if (cause instanceof errors.JOSEError) return cause;
  return new TokenError("token_invalid", "Cannot accept token: its issuer's key cannot be used", { cause });
}
