/**
 * Constants and shapes of the connector protocol, with the sentence of `docs/protocol.md` each one stands for.
 *
 * @module
 */

/** The sub-protocol a connector offers when it opens its WebSocket. */
export const SUB_PROTOCOL = "relayserver.v1";

/** Protocol versions this code speaks, best first. */
export const PROTOCOL_VERSIONS: readonly number[] = [1];

/** Frame types (protocol §2). Unknown types are skipped. */
export const FrameType = {
  /** First frame of a connection, from the connector. */
  hello: 1,
  /** The server's answer to hello. */
  welcome: 2,
  /** A renewed token. */
  authenticate: 3,
  /** New settings while connected. */
  configure: 4,
  /** A client's request; its payload is the body or its beginning. */
  request: 5,
  /** A target's response; its payload is the body or its beginning. */
  response: 6,
  /** The next bytes of a body. */
  data: 7,
  /** How many more body bytes may be sent. */
  credit: 8,
  /** Ends a delivery at once, in both directions. */
  cancel: 9,
  /** The connector has the request and the last byte of its body. */
  acknowledge: 10,
  /** Asks for a pong with the same payload. */
  ping: 11,
  /** The payload of a ping, sent back. */
  pong: 12,
  /** Its sender wants to stop. */
  goAway: 13,
  /** No answer from the target (with a delivery id), or why the connection is about to be closed (without). */
  error: 14,
  /** What the connector serves now. */
  targets: 15,
} as const;

/** Flag of request, response and data: the body goes on in data frames. */
export const FLAG_MORE = 0x01;

/** Bytes before the head. */
export const FRAME_HEADER_BYTES = 22;

/** The delivery id of frames about the connection. */
export const CONNECTION_ID = "00000000000000000000000000000000";

/** Largest payload of a data frame, in bytes (protocol §5). */
export const CHUNK_BYTES = 64 * 1024;

/** Smallest frame limit a peer may announce, in bytes (protocol §2). */
export const MIN_MAX_MESSAGE_BYTES = 256 * 1024;

/** WebSocket close codes (protocol §8). */
export const CloseCode = {
  done: 1000,
  goingAway: 1001,
  protocolError: 4000,
  keepAliveTimeout: 4001,
  versionUnsupported: 4002,
  authenticationFailed: 4003,
  disconnected: 4004,
} as const;

/** One frame, its head still as bytes. `head` and `payload` are views into the message. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 32 lower-case hexadecimal digits. */
  readonly id: string;
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
}

/** Why a delivery was cancelled (protocol §4). */
export type CancelReason = "client_gone" | "expired" | "target_broken" | "draining" | "internal";

/** Why a side wants to stop (protocol §7). */
export type GoAwayReason = "draining" | "authentication_failed" | "tenant_disabled" | "disconnected" | "shutdown";

/** What the connector is to do after a go-away (protocol §7). */
export type Reconnect = "now" | "later" | "never";
