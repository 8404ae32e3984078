/**
 * What the token endpoint answers when it gives no token.
 *
 * @module
 */

/** Error codes of RFC 6749, section 5.2. */
export type OAuthErrorCode =
  | "invalid_request"
  | "invalid_client"
  | "invalid_scope"
  | "unsupported_grant_type";

/** No token is given. The message is the answer's `error_description` and never contains input. */
export class OAuthError extends Error {
  override readonly name = "OAuthError";
  readonly code: OAuthErrorCode;

  /**
   * @param code The answer's `error`.
   * @param message What the client's developer should know; printable ASCII without double quotes and backslashes.
   */
  constructor(code: OAuthErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
