/**
 * What is wrong with a certificate that was not accepted.
 *
 * @module
 */

import { codesOf } from "../errors/error_chain.ts";
import type { PeerCertificate } from "./peer_certificate.ts";

/** Codes of errors that are about the certificate. */
const CERTIFICATE_CODE =
  /^(?:CERT_|ERR_TLS_CERT|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY|GET_ISSUER))/;

/** Whether a connection failed because of the server's certificate. */
export function isCertificateFailure(error: unknown): boolean {
  return codesOf(error).some((code) => CERTIFICATE_CODE.test(code));
}

/**
 * What is wrong with a certificate, and what to do.
 *
 * @param about Whom it should be of, this machine's time in milliseconds since 1970, and the key that names whom is trusted.
 */
export function describeCertificate(
  certificate: PeerCertificate,
  about: { readonly host: string; readonly now: number; readonly setting: "caFile" | "tls.caFile" },
): string {
  const { host, now, setting } = about;
  const { subject, issuer, validFrom, validTo, names, isSelfSigned } = certificate;
  const clock = `this machine's clock says ${new Date(now).toISOString()}`;
  if (validTo < now) return `the certificate of ${subject} expired on ${day(validTo)}; ${clock}`;
  if (validFrom > now) return `the certificate of ${subject} is not valid before ${day(validFrom)}; ${clock}`;
  if (isSelfSigned) return `the certificate of ${subject} is signed by itself: put it into the file of ${setting}`;
  return `the certificate of ${subject} (${
    names || "no names"
  }) was signed by ${issuer}: if this machine is to trust ` +
    `it for ${host}, put the certificate of ${issuer} into the file of ${setting}; a proxy that inspects TLS signs by itself`;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
