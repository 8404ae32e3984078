/**
 * Tokens: the built-in issuer, its keys and routes, and verification.
 *
 * @module
 */

export { Authority, type AuthorityOptions, type AuthorityTimes } from "./authority.ts";
export { type IssuedToken, TokenIssuer, type TokenIssuerOptions } from "./issuer.ts";
export { isIssuerUrl } from "./issuer_url.ts";
export { OAuthError, type OAuthErrorCode } from "./oauth_error.ts";
export { type AuthRoutesOptions, createAuthRoutes } from "./routes.ts";
export { generateSecret, hashesAreEqual, hashSecret } from "./secret.ts";
export { SigningKeys, type SigningKeysOptions } from "./signing_keys.ts";
export { TokenError, type TokenErrorCode } from "./token_error.ts";
export {
  BuiltinTokenVerifier,
  type BuiltinTokenVerifierOptions,
  type TokenVerifier,
  type VerifiedToken,
  type VerifyTokenOptions,
} from "./token_verifier.ts";
export {
  type TrustedIssuer,
  TrustedIssuers,
  type TrustedIssuersOptions,
  type TrustedToken,
} from "./trusted_issuers.ts";
