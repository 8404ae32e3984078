/**
 * Says what a person can do about a connection that could not be made: DNS, proxy, certificate, clock, credentials. One line each.
 *
 * @module
 */

import { chainOf, codesOf } from "../../shared/errors/error_chain.ts";
import { isCertificateFailure } from "../../shared/net/certificate_fault.ts";
import { ProxyError, type ProxyErrorCode } from "../../shared/net/proxy_error.ts";
import type { ConnectError, ConnectErrorCode } from "./connect_error.ts";

/** Advice by what a proxy did. */
const PROXY_ADVICE: Readonly<Record<ProxyErrorCode, string>> = {
  proxy_unreachable: "check the address in `proxy` or HTTPS_PROXY",
  proxy_silent: "check the proxy, and the address in `proxy` or HTTPS_PROXY",
  proxy_authentication: "check user and password in `proxy` or HTTPS_PROXY",
  proxy_cannot_connect:
    "check the server's address and port, and whether the proxy's network and DNS know the way there",
  proxy_refused: "have it allow CONNECT to that address and port",
};

/** Advice by the code of a system error. */
const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND: "DNS does not know this name: check the address, and this machine's DNS",
  EAI_AGAIN: "DNS gave no answer: check this machine's DNS and network",
  ENODATA: "DNS has no address for this name: check the address",
  ECONNREFUSED: "nobody takes connections there: check address and port, and whether the server runs",
  ECONNRESET: "the connection was cut: a firewall or proxy may do that",
  EHOSTUNREACH: "no way leads there: check this machine's network, and whether a proxy is needed",
  ENETUNREACH: "no way leads there: check this machine's network, and whether a proxy is needed",
  ETIMEDOUT: "a firewall may drop the connection: check whether a proxy is needed",
  TimeoutError: "a firewall may drop the connection: check whether a proxy is needed",
  HPE_INVALID_CONSTANT: "what answers there speaks no HTTP: the port may be for https, or for something else",
  ERR_SSL_WRONG_VERSION_NUMBER: "what answers there speaks no TLS: a captive portal, or a port for plain http",
};

/** Advice by why there is no connection, where the cause says nothing. */
const CODE_ADVICE: Partial<Record<ConnectErrorCode, string>> = {
  authentication_failed: "check tenantName and tenantSecret",
  access_denied: "the server's operator has to allow it",
  not_a_relayserver: "check relayServerBaseUri; a captive portal or a web server in between may answer in its place",
  protocol_mismatch: "update the older one of the two",
};

/** The proxy's part in a failure, when there is one. */
export function proxyErrorIn(error: unknown): ProxyError | undefined {
  return chainOf(error).find((each) => each instanceof ProxyError);
}

/** Advice for a failure; `undefined` when its message says it all. */
export function adviceFor(error: ConnectError): string | undefined {
  const proxyError = proxyErrorIn(error);
  if (proxyError !== undefined) return adviceForProxy(proxyError);
  return systemAdvice(error.cause) ?? CODE_ADVICE[error.code];
}

/** Advice for what a proxy did. */
export function adviceForProxy(error: ProxyError): string {
  return isCertificateFailure(error)
    ? "put the certificate of the proxy's authority into the file of caFile"
    : PROXY_ADVICE[error.code];
}

/** Advice for an error of the platform; `undefined` for one that is not known. */
export function systemAdvice(error: unknown): string | undefined {
  return codesOf(error).map((code) => SYSTEM_ADVICE[code]).find((advice) => advice !== undefined);
}
