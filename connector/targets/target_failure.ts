/**
 * Why a target could not be asked, in words.
 *
 * @module
 */

import { explainError } from "../../shared/log/describe_error.ts";
import { describeCertificate, isCertificateFailure } from "../../shared/net/certificate_fault.ts";
import { readPeerCertificate } from "../../shared/net/peer_certificate.ts";
import { SecureAgent } from "../../shared/net/secure_agent.ts";

/** Milliseconds for a look at a certificate. */
const TIMEOUT_MS = 5_000;

/**
 * Explains a failure. Of one that is about the certificate it says what is wrong with that one: the platform tells one that has expired from
 * one of a stranger only by what is in it.
 *
 * @param target Its URL, if it has one, and its proxy: through a proxy nobody looks.
 */
export async function explainTargetFailure(
  error: unknown,
  { url, proxy }: { readonly url?: string | undefined; readonly proxy?: string | undefined },
  signal: AbortSignal,
): Promise<string> {
  const reason = explainError(error);
  if (url === undefined || (proxy ?? "none") !== "none" || !isCertificateFailure(error)) return reason;
  const address = new URL(url);
  const certificate = await readPeerCertificate(address, { agent: new SecureAgent(), timeoutMs: TIMEOUT_MS, signal });
  if (certificate === undefined) return reason;
  const about = { host: address.hostname, now: Date.now(), setting: "tls.caFile" as const };
  return `${reason}; ${describeCertificate(certificate, about)}`;
}
