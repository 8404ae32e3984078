/**
 * What a peer can do wrong on a connection.
 *
 * @module
 */

/** Codes of protocol §8. */
export type ProtocolErrorCode =
  | "malformed_frame"
  | "malformed_head"
  | "frame_too_large"
  | "unexpected_frame"
  | "flow_control"
  | "body_length"
  | "version_unsupported"
  | "handshake_timeout"
  | "keep_alive_timeout";

/** The peer broke the protocol, or fell silent. Ends its connection and nothing else. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
