/**
 * WebSockets of the listener `node`, by `ws`: unlike native ones they can be dropped, and refuse messages that are too large.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { WsPipe } from "../../shared/ws/ws_pipe.ts";
import { MAX_SOCKET_MESSAGE_BYTES } from "../../shared/websocket/message_socket.ts";
import { WsMessageSocket } from "../../shared/ws/ws_message_socket.ts";
import { isSocketAnswer, type ListenerHandler, type SocketAnswer, type UpgradeAnswer } from "./listener.ts";
import { writeRefusal } from "./node_response.ts";

/** How long a peer may take to answer a close, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2000;

/** A connection that was asked to become a WebSocket. */
export interface Upgrade {
  readonly socket: Duplex;
  /** What followed the request's head already. */
  readonly head: Buffer;
}

/** Makes WebSockets of connections. */
export class NodeUpgrades {
  /** For connectors. */
  readonly #server: WebSocketServer;
  /** For clients. */
  readonly #clients: WebSocketServer;
  readonly #answers = new WeakMap<IncomingMessage, UpgradeAnswer | SocketAnswer>();

  /** @param options Largest message taken, in bytes. */
  constructor(handler: ListenerHandler, options: { readonly maxMessageBytes: number }) {
    const serverOptions: ConstructorParameters<typeof WebSocketServer>[0] & { closeTimeout: number } = {
      noServer: true,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (_offered, message) => this.#answers.get(message)?.protocol ?? false,
    };
    this.#server = new WebSocketServer(serverOptions);
    this.#clients = new WebSocketServer({ ...serverOptions, maxPayload: MAX_SOCKET_MESSAGE_BYTES });
    this.#clients.on("headers", (lines, message) => {
      const answer = this.#answers.get(message);
      if (answer === undefined || !isSocketAnswer(answer)) return;
      for (const [name, value] of answer.headers) lines.push(`${name}: ${value}`);
    });
    for (const server of [this.#server, this.#clients]) {
      server.on("wsClientError", (cause: Error, socket: Duplex, message: IncomingMessage) => {
        const answer = this.#answers.get(message);
        if (answer !== undefined && isSocketAnswer(answer)) answer.refused();
        writeRefusal(
          socket,
          handler.refuse(new RelayError("invalid_request", "The handshake is malformed", { cause })),
        );
      });
    }
  }

  /** Whether a request is one that `ws` could upgrade; everything else stays plain HTTP, as RFC 9110 section 7.8 allows. */
  static isWanted({ method, headers }: IncomingMessage): boolean {
    return method === "GET" && headers.upgrade?.toLowerCase() === "websocket" &&
      headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
  }

  /** Answers the handshake and hands the pipe over. */
  accept(message: IncomingMessage, { socket, head }: Upgrade, answer: UpgradeAnswer | SocketAnswer): void {
    this.#answers.set(message, answer);
    if (!isSocketAnswer(answer)) {
      this.#server.handleUpgrade(message, socket, head, (webSocket: WebSocket) => {
        answer.accept(new WsPipe(webSocket));
      });
    } else if (socket.destroyed) answer.refused();
    else {
      this.#clients.handleUpgrade(message, socket, head, (webSocket: WebSocket) => {
        answer.acceptSocket(new WsMessageSocket(webSocket));
      });
    }
  }

  /** Closes all WebSockets. */
  close(): void {
    for (const socket of [...this.#server.clients, ...this.#clients.clients]) socket.close(1001, "the server stops");
  }
}
