/**
 * Tokens: the built-in issuer and OIDC authorities, keys, verification. People and programs that use management.
 *
 * @module
 */

export { Authority, type AuthorityOptions, type AuthorityTimes } from "./authority.ts";
export { type IssuedToken, TokenIssuer, type TokenIssuerOptions } from "./issuer.ts";
export { ApiKeys, type ApiKeysOptions, type ApiKeyStore, generateApiKey } from "./api_keys.ts";
export { AuthorityTokenVerifier, type AuthorityTokenVerifierOptions } from "./authority_token_verifier.ts";
export { isIssuerUrl } from "./issuer_url.ts";
export {
  type LoginAttempt,
  LoginThrottle,
  type LoginThrottleLimits,
  type LoginThrottleOptions,
  ThrottledError,
} from "./login_throttle.ts";
export { OAuthError, type OAuthErrorCode } from "./oauth_error.ts";
export { generatePassword, type PasswordMatch, passwordProblem, Passwords } from "./passwords.ts";
export type { Principal } from "./principal.ts";
export { type EncryptionKeys, ProtectedSigningKeys } from "./protected_signing_keys.ts";
export { type AuthRoutesOptions, createAuthRoutes } from "./routes.ts";
export { generateSecret, hashesAreEqual, hashSecret } from "./secret.ts";
export { type SecretIdentity, SecretStates, type SecretStatesOptions } from "./secret_states.ts";
export { type Login, type LoginRequest, Sessions, type SessionsOptions } from "./sessions.ts";
export { SetupCode, type SetupCodePort } from "./setup_code.ts";
export { SigningKeys, type SigningKeysOptions } from "./signing_keys.ts";
export {
  type ClaimedTenant,
  type ProvisioningStore,
  TenantProvisioning,
  type TenantProvisioningOptions,
} from "./tenant_provisioning.ts";
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
