/**
 * Why a token is not accepted.
 *
 * @module
 */

/**
 * - `token_invalid`: not a token of this issuer for this audience.
 * - `token_expired`: it was valid once.
 * - `scope_missing`: it is valid, but not for this.
 */
export type TokenErrorCode = "token_invalid" | "token_expired" | "scope_missing";

/** A token is not accepted. The message never contains the token. */
export class TokenError extends Error {
  override readonly name = "TokenError";
  readonly code: TokenErrorCode;

  /**
   * @param code Why.
   * @param message What failed and why, in the form "Cannot do X: reason".
   */
  constructor(code: TokenErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
