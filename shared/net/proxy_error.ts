/**
 * What can go wrong between this program and an HTTP proxy.
 *
 * @module
 */

/** Why a proxy made no tunnel. */
export type ProxyErrorCode =
  /** Nobody answers at the proxy's address, or the connection to it broke. */
  | "proxy_unreachable"
  /** It took the connection and said nothing in time. */
  | "proxy_silent"
  /** It wants credentials, or others (407). */
  | "proxy_authentication"
  /** It could not reach that address itself (500 and above). */
  | "proxy_cannot_connect"
  /** It does not want to reach that address (any other answer). */
  | "proxy_refused";

/** A proxy made no tunnel. The message names the proxy, never its credentials. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code: ProxyErrorCode;

  constructor(code: ProxyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A proxy's address as it may be shown: without user and password. */
export function proxyName(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}
