/**
 * What a person can do about a failure.
 *
 * @module
 */

import { codesOf } from "../../shared/errors/error_chain.ts";
import { adviceForProxy, proxyErrorIn, systemAdvice } from "../connection/connect_advice.ts";
import type { ConnectError, ConnectErrorCode } from "../connection/connect_error.ts";
import { endpointOf, type SeenCertificate } from "./sockets.ts";

/** What is known to be wrong with a target. */
const TARGET_CODES = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "ECONNREFUSED",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "target_invalid_response",
]);

const ADVICE: Partial<Record<ConnectErrorCode, string>> = {
  server_unreachable: "Something between here and the server breaks connections: look at firewalls and proxies",
  certificate_refused: "This machine does not trust the certificate: see caFile",
  not_a_relayserver:
    "Check relayServerBaseUri. Where it is right, a proxy or a captive portal answers instead of the server: open its address in a browser",
  insecure_address: "The server must know that it is reached over https: set publicUrl, or trustedProxies, there",
  authentication_failed:
    "Check tenantName and tenantSecret, and that the tenant is enabled. A new secret is made on the server: tenants secret add NAME --use connector",
  access_denied:
    "The server knows this tenant and does not let it connect: ask who runs it whether the tenant is enabled",
  server_unavailable: "The server answers but cannot serve now: look at it, or try again",
  protocol_mismatch: "Connector and server are too far apart in age: update the older one",
};

/** Advice for why a connection failed: of the proxy, of the platform's error, or of what kind of failure it is. */
export function adviceFor(error: ConnectError): string {
  const proxyError = proxyErrorIn(error);
  if (proxyError !== undefined) return sentence(adviceForProxy(proxyError));
  const known = systemAdvice(error.cause);
  return known === undefined ? adviceForCode(error.code) : sentence(known);
}

/** Advice for a kind of failure; those that say nothing get that of an unreachable server. */
export function adviceForCode(code: ConnectErrorCode): string {
  return ADVICE[code] ?? ADVICE.server_unreachable!;
}

/** Advice for a target that did not answer as one. */
export function adviceForTarget(url: string, error: unknown): string {
  const { hostname, port } = endpointOf(new URL(url));
  switch (codesOf(error).find((code) => TARGET_CODES.has(code))) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `This machine's DNS does not know ${hostname}: check url`;
    case "ECONNREFUSED":
      return `Nothing listens on port ${port}: check that the application runs, and the port in url`;
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return "What answers there speaks no TLS: check https and the port in url";
    case "target_invalid_response":
      return "What answers there speaks no HTTP: check http or https, and the port in url";
    default:
      return `Check that the application at ${url} runs, and that this machine may reach it`;
  }
}

/** An advice of the log as a sentence of its own. */
export function sentence(advice: string): string {
  return advice.charAt(0).toUpperCase() + advice.slice(1);
}

/** Advice for a certificate that was not accepted, from what it says itself. */
export function adviceForCertificate(
  chain: readonly SeenCertificate[],
  { hostname, reason, nowMs, settings }: {
    readonly hostname: string;
    readonly reason: string;
    readonly nowMs: number;
    /** Names of the keys for the address and for whom is trusted. */
    readonly settings: { readonly address: string; readonly authority: string };
  },
): string {
  const [own] = chain;
  if (own === undefined) return `Nothing there speaks TLS: check scheme and port of ${settings.address}`;
  if (nowMs > own.validTo) {
    return `It ended on ${day(own.validTo)}: renew it there (this machine's clock says ${day(nowMs)})`;
  }
  if (nowMs < own.validFrom) {
    return `It begins on ${day(own.validFrom)}: check this machine's clock, which says ${day(nowMs)}`;
  }
  if (/ALTNAME|not valid for name|NotValidForName/i.test(reason)) {
    return `It is for ${
      own.names || own.subject
    }, not for ${hostname}: correct the name in ${settings.address}, or the certificate`;
  }
  const root = chain.at(-1)!;
  const signer = root.subject === root.issuer ? `"${root.issuer}"` : `"${root.issuer}", whose certificate is not shown`;
  return `This machine does not know who signed it, ${signer}: put that certificate (PEM) into a file and set ${settings.authority}; ` +
    "where a proxy inspects TLS it is the proxy's";
}

/** One line for a chain, the server's own certificate first. */
export function describeChain(chain: readonly SeenCertificate[]): string {
  const [own] = chain;
  if (own === undefined) return "no certificate";
  const names = [own.subject, ...chain.map(({ issuer }) => issuer)];
  const signers = names.filter((name, index) => index === 0 || name !== names[index - 1]);
  return `${signers.join(" < ")}, valid until ${day(own.validTo)}`;
}

function day(timeMs: number): string {
  return Number.isFinite(timeMs) ? new Date(timeMs).toISOString().slice(0, 10) : "an unknown day";
}
