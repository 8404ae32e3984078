/**
 * Looks at the certificate that somebody shows, without trusting it: TLS errors of the platform say neither who signed it nor since when it has
 * been out of date.
 *
 * @module
 */

import type { Agent } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** What a certificate says about itself; nothing of it is proven. */
export interface PeerCertificate {
  /** Common name of its owner, or what else names him. */
  readonly subject: string;
  /** Common name of who signed it. */
  readonly issuer: string;
  /** The names and addresses it is for, as `DNS:a, IP Address:b`. */
  readonly names: string;
  /** Milliseconds since 1970. */
  readonly validFrom: number;
  /** Milliseconds since 1970. */
  readonly validTo: number;
  readonly isSelfSigned: boolean;
}

/**
 * Shakes hands and reads the certificate. Not a byte of HTTP is sent.
 *
 * @param address `https:` URL.
 * @param options The agent that makes the socket, so that the same way is taken as before.
 * @returns The certificate; `undefined` when there is none to be had.
 */
export function readPeerCertificate(
  address: URL,
  options: { readonly agent: Agent; readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<PeerCertificate | undefined> {
  const { agent, timeoutMs, signal } = options;
  const { promise, resolve } = Promise.withResolvers<PeerCertificate | undefined>();
  const host = address.hostname.replace(/^\[(.*)\]$/, "$1");
  const request = httpsRequest({
    agent,
    host,
    port: address.port === "" ? 443 : Number(address.port),
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  const finish = (certificate?: PeerCertificate) => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    request.destroy();
    resolve(certificate);
  };
  const onAbort = () => finish();
  const timer = setTimeout(onAbort, timeoutMs);
  signal?.addEventListener("abort", onAbort);
  // It stays for good: what is destroyed errors afterwards.
  request.on("error", () => finish());
  request.on("socket", (socket) => {
    const read = () => finish(toCertificate((socket as TLSSocket).getPeerCertificate(true)));
    if ((socket as TLSSocket).getPeerCertificate?.(true)?.subject !== undefined) read();
    else socket.once("secureConnect", read);
  });
  if (signal?.aborted) onAbort();
  return promise;
}

function toCertificate(certificate: DetailedPeerCertificate | null): PeerCertificate | undefined {
  if (certificate?.subject === undefined) return undefined;
  const { subject, issuer, subjectaltname = "", valid_from, valid_to, fingerprint256, issuerCertificate } = certificate;
  return {
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    names: subjectaltname,
    validFrom: Date.parse(valid_from),
    validTo: Date.parse(valid_to),
    isSelfSigned: issuerCertificate?.fingerprint256 === fingerprint256 && nameOf(subject) === nameOf(issuer),
  };
}

function nameOf(name: DetailedPeerCertificate["subject"]): string {
  const text = [name?.CN, name?.O, name?.OU].flat().find((part) => typeof part === "string" && part !== "");
  return text ?? "(no name)";
}
