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
import type { ListenerHandler, UpgradeAnswer } from "./listener.ts";
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
  readonly #server: WebSocketServer;
  readonly #protocols = new WeakMap<IncomingMessage, string>();

  /** @param options Largest message taken, in bytes. */
  constructor(handler: ListenerHandler, options: { readonly maxMessageBytes: number }) {
    const serverOptions: ConstructorParameters<typeof WebSocketServer>[0] & { closeTimeout: number } = {
      noServer: true,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (_offered, message) => this.#protocols.get(message) ?? false,
    };
    this.#server = new WebSocketServer(serverOptions);
    this.#server.on("wsClientError", (cause: Error, socket: Duplex) => {
      writeRefusal(socket, handler.refuse(new RelayError("invalid_request", "The handshake is malformed", { cause })));
    });
  }

  /** Whether a request is one that `ws` could upgrade; everything else stays plain HTTP, as RFC 9110 section 7.8 allows. */
  static isWanted({ method, headers }: IncomingMessage): boolean {
    return method === "GET" && headers.upgrade?.toLowerCase() === "websocket" &&
      headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
  }

  /** Answers the handshake and hands the pipe over. */
  accept(message: IncomingMessage, { socket, head }: Upgrade, answer: UpgradeAnswer): void {
    this.#protocols.set(message, answer.protocol);
    this.#server.handleUpgrade(message, socket, head, (webSocket: WebSocket) => {
      answer.accept(new WsPipe(webSocket, socket));
    });
  }

  /** Closes all WebSockets. */
  close(): void {
    for (const socket of this.#server.clients) socket.close(1001, "the server stops");
  }
}
