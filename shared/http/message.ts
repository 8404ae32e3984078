/**
 * The relay's own HTTP messages. They carry what `Request` and `Response` cannot: the path as the client sent it, repeated header lines, any
 * method, and a body that is already in memory or still on its way. Conversions to and from platform types happen only at the edges (the
 * listeners, the targets).
 *
 * @module
 */

/** One header line. The value is a byte string: every character is one byte, U+0000 to U+00FF (latin1). */
export type HeaderLine = readonly [name: string, value: string];

/** Header lines in the order they arrived; a name may stand several times. */
export type HeaderLines = readonly HeaderLine[];

/** A body whose bytes are still on their way. */
export interface StreamBody {
  /** Produces in `pull` with a high-water mark of 0: what nobody reads is not fetched. It errors when the body breaks off. */
  readonly stream: ReadableStream<Uint8Array>;
  /** The announced length in bytes; absent when it is not known. */
  readonly length?: number;
}

/** A body: none, complete in memory, or a stream. */
export type Body = null | Uint8Array | StreamBody;

/** A client's request as the target is to see it. */
export interface RelayRequest {
  /** UUID, the same through every delivery. */
  readonly requestId: string;
  /** As the client spelled it. */
  readonly method: string;
  /** Name of the target, matched without regard to case. */
  readonly target: string;
  /**
   * What follows the target in the request's address, query included, byte for byte (a byte string). Starts with `/` or `?`, or is empty
   * when the address ended with the target.
   */
  readonly path: string;
  readonly headers: HeaderLines;
  readonly body: Body;
  /** The target is asked for a WebSocket; the body is a stream of its messages (protocol §9). */
  readonly upgrade?: "websocket" | undefined;
}

/** A target's answer. */
export interface RelayResponse {
  /** 200 to 599; 101 when a WebSocket was asked for and accepted, with a stream of its messages as body. */
  readonly status: number;
  readonly headers: HeaderLines;
  readonly body: Body;
}

/** Whether a body's bytes are still on their way. */
export function isStreamBody(body: Body): body is StreamBody {
  return body !== null && !(body instanceof Uint8Array);
}
