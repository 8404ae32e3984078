/**
 * A WebSocket as the relay sees it: whole messages of text or bytes, and the words it ends with. Implementations: `shared/ws/ws_message_socket.ts`,
 * `server/listener/native_message_socket.ts`.
 *
 * @module
 */

/** Hears of a socket. */
export interface MessageReceiver {
  /** A message; a text comes as its UTF-8. */
  message(data: Uint8Array, isText: boolean): void;
  /** It is over. 1005: the other side gave no code; 1006: it left without a word. Called once. */
  closed(code: number, reason: string): void;
}

/** One end of an open WebSocket. */
export interface MessageSocket {
  /** Hands over what arrives, from now on and from before. */
  open(receiver: MessageReceiver): void;
  /** Sends a message; a text is given as its UTF-8. Without effect once it is over. */
  send(data: Uint8Array, isText: boolean): void;
  /** Bytes that lie unsent. */
  readonly bufferedAmount: number;
  /** Stops reading. @returns False where the platform cannot. */
  pause(): boolean;
  /** Reads on. */
  resume(): void;
  /** Says goodbye. 1005 gives no code. */
  close(code: number, reason: string): void;
  /** Drops it without a word. */
  terminate(): void;
}

/** Codes with a meaning of their own (RFC 6455 §7.4). */
export const SocketClose = {
  goingAway: 1001,
  noCode: 1005,
  abnormal: 1006,
  tooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
} as const;

/** A message may have this many bytes. */
export const MAX_SOCKET_MESSAGE_BYTES = 16 * 1024 * 1024;

/** The code itself where a peer may be sent it, else 1011: what a connector or a target says is not trusted. */
export function sendableCode(code: number): number {
  if (code === SocketClose.noCode) return code;
  const isRegistered = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  return isRegistered || (code >= 3000 && code <= 4999) ? code : SocketClose.internalError;
}

/** A close frame has room for 123 bytes of reason. */
export function shortReason(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  return bytes.length <= 123 ? reason : new TextDecoder().decode(bytes.subarray(0, 120)).replace(/\uFFFD+$/, "");
}
