/**
 * What is wrong with a token, in the words of this program.
 *
 * @module
 */

import { errors } from "jose";
import { TokenError } from "./token_error.ts";

/** How far the clocks of those who issue and those who verify may be apart. */
export const CLOCK_TOLERANCE_SECONDS = 60;

/** Turns what the library throws for a bad token into a {@link TokenError}; gives any other error back as it is. */
export function translateTokenFault(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) {
    return new TokenError("token_expired", "Cannot accept token: it has expired", { cause: error });
  }
  if (error instanceof errors.JOSEError) {
    return new TokenError("token_invalid", `Cannot accept token: ${reasonOf(error)}`, { cause: error });
  }
  return error;
}

/** Not the library's own words, which may repeat parts of the token. */
function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `its "${error.claim}" is not as expected`;
  return "it is malformed, or its signature or algorithm is wrong";
}
