/**
 * Why a connection to a server could not be made.
 *
 * @module
 */

/** What went wrong, in the order in which a connection is made. */
export type ConnectErrorCode =
  /** No answer: DNS, network, TLS, or a time-out. */
  | "server_unreachable"
  /** The proxy on the way made no tunnel. */
  | "proxy_failed"
  /** The server's certificate was not accepted. */
  | "certificate_refused"
  /** Something answered that is no RelayServer. */
  | "not_a_relayserver"
  /** Asked over https, the server sent the connector to an address without. */
  | "insecure_address"
  /** The server, or its authorization server, does not know these credentials. */
  | "authentication_failed"
  /** The server knows the tenant and does not want it. */
  | "access_denied"
  /** The server is about to stop, or full: another one may take the connection. */
  | "server_unavailable"
  /** The two speak different protocols. */
  | "protocol_mismatch";

/** A connection could not be made. Messages name the address, never a secret. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly code: ConnectErrorCode;

  constructor(code: ConnectErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
