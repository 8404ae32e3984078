/**
 * The `auth` section of the server's configuration.
 *
 * @module
 */

import { z } from "zod";
import { duration, secret, text } from "../../shared/config/fields.ts";
import { isIssuerUrl } from "../auth/issuer_url.ts";

/** What `issuer` says when the server issues tokens itself. */
export const BUILTIN_ISSUER = "builtin";

const ENCRYPTION_KEY_LENGTH = 32;

/** The `auth` section: tokens, and how the keys that sign them are kept. */
export const authSection = z.strictObject({
  issuer: text().refine(
    (value) => value === BUILTIN_ISSUER || isIssuerUrl(value),
    "Expected builtin or the https URL of an OIDC authority (http only for one on this machine)",
  ).prefault(BUILTIN_ISSUER).describe(
    "Who issues tokens: builtin is the server itself, a URL is that of an OIDC authority.",
  ),
  audience: text().prefault("relayserver").describe("Audience that a token must have."),
  tokenLifetime: duration({ minimum: 1_000 }).prefault("1h").describe(
    "Lifetime of tokens of the built-in issuer, in milliseconds.",
  ),
  encryptionKey: encryptionKey().optional().describe(
    "Encrypts the keys that sign tokens in the database. At least 32 characters, by chance. Without it they are kept in plain text.",
  ),
  previousEncryptionKey: encryptionKey().optional().describe(
    "Key with which encrypted signing keys can be read too, while encryptionKey is replaced.",
  ),
}).refine(
  ({ encryptionKey, previousEncryptionKey }) => encryptionKey !== undefined || previousEncryptionKey === undefined,
  {
    path: ["previousEncryptionKey"],
    message: "Must be set together with encryptionKey",
  },
);

function encryptionKey() {
  return secret().refine(
    (value) => value.length >= ENCRYPTION_KEY_LENGTH,
    `Expected at least ${ENCRYPTION_KEY_LENGTH} characters`,
  );
}
