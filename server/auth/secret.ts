/**
 * Secrets that the server makes up. They are 256 random bits, so a plain SHA-256 of them can be stored: there is nothing to guess, and a
 * thousand connectors that reconnect do not cost minutes of computing.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";

const SECRET_SIZE_BYTES = 32;

/** A new secret: 43 characters of base64url. */
export function generateSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_SIZE_BYTES));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * What is stored of a secret.
 *
 * @param secret The secret's text.
 * @returns Its SHA-256, 64 hexadecimal digits.
 */
export async function hashSecret(secret: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
  return new Uint8Array(digest).toHex();
}

/** Whether two results of {@link hashSecret} are equal, in a time that does not tell where they differ. */
export function hashesAreEqual(one: string, other: string): boolean {
  const encoder = new TextEncoder();
  const [left, right] = [encoder.encode(one), encoder.encode(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
