/**
 * What the server needs of an HTTP listener: raw requests in, answers out, and upgrades to a message pipe. Every implementation passes the
 * same contract suite (`listener_contract.ts`).
 *
 * @module
 */

import type { RelayError } from "../../shared/errors/relay_error.ts";
import type { HeaderLines, RelayResponse } from "../../shared/http/message.ts";
import type { MessagePipe } from "../../shared/protocol/pipe.ts";
import type { MessageSocket } from "../../shared/websocket/message_socket.ts";

/** A request's body on its way in. Read it through one of the two members, once. */
export interface ListenerBody {
  /** Announced length in bytes; absent when the body is chunked. */
  readonly length: number | undefined;
  /** The messages of a WebSocket: neither their number nor the time between them has a limit. */
  readonly isMessages?: true;
  /** Reads all of it. Rejects when the client breaks off. */
  bytes(): Promise<Uint8Array>;
  /** The body as it arrives. Errors when the client breaks off. */
  stream(): ReadableStream<Uint8Array>;
}

/** A request whose framing, `Host` and target have been checked. */
export interface ListenerRequest {
  /** As the client spelled it; never a known method in lower case. */
  readonly method: string;
  /** Path and query as sent, a byte string that starts with `/` and has no `#`. */
  readonly target: string;
  /** The value of `Host`: a name or address, with the port if the client gave one. */
  readonly host: string;
  readonly headers: HeaderLines;
  readonly body: ListenerBody | null;
  /** Address of the peer, which may be a proxy. */
  readonly peerAddress: string;
  /** Aborts when the client leaves before the answer has ended. */
  readonly signal: AbortSignal;
  /** Set when the target is asked for a WebSocket, too. */
  readonly upgrade?: "websocket";
  /**
   * The same request for handlers that speak web standards.
   *
   * @throws {RelayError} `not_found` when it cannot be one, so that no such handler could have an answer.
   */
  toRequest(): Request;
}

/** Turns the connection into a WebSocket. */
export interface UpgradeAnswer {
  /** The sub-protocol that was chosen from the client's offer. */
  readonly protocol: string;
  /** Called with the pipe once the connection is a WebSocket. Must not throw. */
  accept(pipe: MessagePipe): void;
}

/** Accepts a client's WebSocket, as a target has accepted it. */
export interface SocketAnswer {
  readonly status: 101;
  /** Lines beside those of the handshake. */
  readonly headers: HeaderLines;
  /** The sub-protocol that was chosen from the client's offer, if any. */
  readonly protocol: string | undefined;
  /** Called once the connection is a WebSocket. Must not throw. */
  acceptSocket(socket: MessageSocket): void;
  /** Called instead when it cannot become one. Must not throw. */
  refused(): void;
}

/** What becomes of a request. */
export type Answer = RelayResponse | UpgradeAnswer | SocketAnswer;

/** Who answers. */
export interface ListenerHandler {
  /** Answers a request. Must not reject. */
  handle(request: ListenerRequest): Promise<Answer>;
  /** Answers what never became a request, or an answer that cannot be sent. */
  refuse(error: RelayError): RelayResponse;
}

/** Where and how to listen. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/** A running listener. */
export interface Listener extends AsyncDisposable {
  readonly hostname: string;
  readonly port: number;
  /** Resolves when it no longer listens, asked or not. */
  readonly finished: Promise<void>;
  /**
   * From now on every answer that begins ends its connection (`Connection: close`; `native` leaves the closing to the client), so that
   * whoever keeps connections makes new ones, elsewhere. No connection ends without having said so.
   */
  drain(): void;
  /** Takes no new requests, lets running ones finish, and resolves when they have. WebSockets are closed at once: drain them first. */
  close(): Promise<void>;
}

/** Whether an answer accepts a client's WebSocket. */
export function isSocketAnswer(answer: Answer): answer is SocketAnswer {
  return "acceptSocket" in answer;
}

/** Whether an answer asks for an upgrade. */
export function isUpgrade(answer: Answer): answer is UpgradeAnswer {
  return "accept" in answer;
}
