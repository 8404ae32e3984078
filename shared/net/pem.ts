/**
 * Certificates in PEM files. The platform's TLS takes any text for a list of authorities, and trusts nobody when there is none in it.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Why a file's text is no list of certificates; `undefined` when one of it at least can be read. */
export function certificateProblem(pem: string): string | undefined {
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) return "there is no certificate (PEM) in it";
  return certificates.some(isCertificate) ? undefined : "its certificates cannot be read";
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
