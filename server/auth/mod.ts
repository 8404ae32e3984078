/**
 * Tokens: the built-in issuer, its keys and routes, and verification.
 *
 * @module
 */

export { type IssuedToken, TokenIssuer, type TokenIssuerOptions } from "./issuer.ts";
export { OAuthError, type OAuthErrorCode } from "./oauth_error.ts";
export { type EncryptionKeys, ProtectedSigningKeys } from "./protected_signing_keys.ts";
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
