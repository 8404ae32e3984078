/**
 * The listener `node`: `node:http`, or `node:https` with a certificate, and `ws`. It has time limits and answers of its own to what its
 * parser refuses, so it may stand directly on the internet.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerOptions, ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { isStreamBody, type RelayResponse } from "../../shared/http/message.ts";
import { getLogger } from "../../shared/log/mod.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import {
  isSocketAnswer,
  isUpgrade,
  type Listener,
  type ListenerHandler,
  type ListenOptions,
  type SocketAnswer,
  type UpgradeAnswer,
} from "./listener.ts";
import { NodeConnection } from "./node_connection.ts";
import { NodeRequest } from "./node_request.ts";
import { endConnection, KEEP_ALIVE_TIMEOUT_MS, writeAnswer, writeRefusal } from "./node_response.ts";
import { NodeUpgrades, type Upgrade } from "./node_upgrades.ts";

const logger = getLogger("listener");
/** Same as the connector's. */
const MAX_HEADER_SIZE_BYTES = 65_536;
/** How precisely the time limit for heads is kept. */
const CHECK_INTERVAL_MS = 1000;
/** Certificate chain and key, in PEM. */
export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
}

/** Where and how to listen. */
export interface NodeListenOptions extends ListenOptions {
  /** Without it plain HTTP is spoken. What is no certificate, or no key to it, fails every handshake. */
  readonly tls?: TlsOptions | undefined;
  /** How long a client may take for the head of a request, in milliseconds. */
  readonly headerTimeoutMs: number;
  /** Largest WebSocket message taken, in bytes. */
  readonly maxMessageBytes: number;
}

/**
 * Starts listening.
 *
 * @throws {Error} when the address is taken.
 */
export async function listenNode(handler: ListenerHandler, options: NodeListenOptions): Promise<Listener> {
  const listener = new NodeListener(handler, options);
  await listener.listen(options);
  return listener;
}

/** `@types/node` 22 does not know what Node 24 has. */
interface LatestServerOptions extends ServerOptions {
  readonly shouldUpgradeCallback: (message: IncomingMessage) => boolean;
}

type Response = ServerResponse<IncomingMessage>;

class NodeListener implements Listener {
  readonly finished: Promise<void>;
  readonly #handler: ListenerHandler;
  readonly #server: Server;
  readonly #upgrades: NodeUpgrades;
  /** Without those that are WebSockets. */
  readonly #connections = new Map<Socket, NodeConnection>();
  /** TLS: those that have not shaken hands yet, by their clients' addresses. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #idling = new Deadlines(KEEP_ALIVE_TIMEOUT_MS);
  #address: Pick<AddressInfo, "address" | "port">;
  #isDraining = false;
  #isClosing = false;

  constructor(handler: ListenerHandler, options: NodeListenOptions) {
    const { hostname, port, tls, headerTimeoutMs, maxMessageBytes } = options;
    this.#address = { address: hostname, port };
    this.#handler = handler;
    this.#upgrades = new NodeUpgrades(handler, { maxMessageBytes });
    const serverOptions: LatestServerOptions = {
      maxHeaderSize: MAX_HEADER_SIZE_BYTES,
      headersTimeout: headerTimeoutMs,
      // Bodies have a limit for silence instead, see `limits.bodyIdleTimeout`.
      requestTimeout: 0,
      // Kept by the connections: `node:http` would start a timer with every answer.
      keepAliveTimeout: 0,
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, headerTimeoutMs),
      // Checked by `NodeRequest`, whose answer says why.
      requireHostHeader: false,
      // Behind a request that waits for its answer there is no upgrade: its socket would be given away too early.
      shouldUpgradeCallback: (message) =>
        NodeUpgrades.isWanted(message) && this.#connections.get(message.socket)?.isAnswered === true,
    };
    this.#server = tls === undefined
      ? createServer(serverOptions)
      : createSecureServer({ ...serverOptions, ...tls, handshakeTimeout: headerTimeoutMs });
    // Otherwise lines beyond 2000 would be dropped without a word; the size of a head is limited anyway.
    this.#server.maxHeadersCount = 0;
    this.finished = new Promise((resolve) => this.#server.on("close", resolve));
    this.#server.on("close", () => this.#idling[Symbol.dispose]());
    this.#wire(tls === undefined ? "connection" : "secureConnection");
    if (tls !== undefined) this.#watchHandshakes();
  }

  get hostname(): string {
    return this.#address.address;
  }

  get port(): number {
    return this.#address.port;
  }

  listen({ hostname, port }: ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, hostname, () => {
        this.#address = this.#server.address() as AddressInfo;
        this.#server.off("error", reject);
        this.#server.on("error", (error) => logger.error("The listener failed: {error}", { error }));
        resolve();
      });
    });
  }

  drain(): void {
    this.#isDraining = true;
    for (const connection of this.#connections.values()) connection.drain();
  }

  close(): Promise<void> {
    if (this.#isClosing) return this.finished;
    this.#isClosing = true;
    this.#server.close();
    this.#upgrades.close();
    for (const connection of this.#connections.values()) connection.close();
    for (const socket of this.#handshakes.values()) socket.destroy();
    return this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #wire(connectionEvent: "connection" | "secureConnection"): void {
    const serve = (message: IncomingMessage, response: Response) => this.#serve(message, response);
    this.#server.on(connectionEvent, (socket: Socket) => {
      // For good: node:http takes its own listener away when it hands a socket over, and an error without one would end the program.
      socket.on("error", ignore);
      const connection = new NodeConnection(socket, this.#idling);
      if (this.#isDraining) connection.drain();
      this.#connections.set(socket, connection);
      socket.on("close", () => this.#connections.delete(socket));
    });
    this.#server.on("request", serve);
    // Other expectations are the target's business, and it is not told of them.
    this.#server.on("checkExpectation", serve);
    this.#server.on("checkContinue", (message, response: Response) => {
      // In the middle of an answer it would be taken for a part of its body.
      this.#serve(message, response, () => response.headersSent || response.writeContinue());
    });
    this.#server.on("upgrade", (message, socket, head) => {
      const connection = this.#connections.get(socket as Socket);
      this.#connections.delete(socket as Socket);
      connection?.release(() => this.#serveUpgrade(message, { socket, head }));
    });
    this.#server.on("connect", (_message, socket) => {
      // It would be taken for the answer to what was asked before.
      if (!this.#connections.get(socket as Socket)?.isAnswered) return void socket.destroy();
      writeRefusal(socket, this.#handler.refuse(new RelayError("invalid_request", "CONNECT is not relayed")));
    });
    this.#server.on("clientError", (error, socket) => {
      const connection = this.#connections.get(socket as Socket);
      // Without one the TLS handshake has failed.
      if (connection === undefined) socket.destroy();
      else connection.giveUp(() => this.#handler.refuse(parseFault(error)));
    });
  }

  #watchHandshakes(): void {
    this.#server.on("connection", (socket: Socket) => {
      const address = addressOf(socket);
      this.#handshakes.set(address, socket);
      socket.on("close", () => this.#handshakes.delete(address));
    });
    this.#server.on("secureConnection", (socket: Socket) => this.#handshakes.delete(addressOf(socket)));
  }

  /** @param onWanted Tells a client that waits for it to send the body. */
  #serve(message: IncomingMessage, response: Response, onWanted?: () => void): void {
    const connection = this.#connections.get(message.socket);
    const { request, error } = parse(message, onWanted);
    const write = (answer: RelayResponse, request: NodeRequest) => {
      // What goes on after its head may need the body. A refusal does not.
      if (isStreamBody(answer.body) && answer.status < 300) request.body?.invite();
      const isBodyLeft = onWanted !== undefined && !request.body?.isWanted;
      if (isBodyLeft || connection?.endsWith(response)) response.shouldKeepAlive = false;
      this.#write(response, answer, request);
    };
    const answer = () => {
      if (request !== undefined) return void this.#answer(request, write);
      // What was not understood may be followed by what must not be.
      response.shouldKeepAlive = false;
      this.#refuse(response, error);
    };
    connection?.begin({ response, request, answer });
  }

  #serveUpgrade(message: IncomingMessage, upgrade: Upgrade): void {
    const socket = upgrade.socket as Socket;
    const response = new ServerResponse(message);
    response.shouldKeepAlive = false;
    response.on("finish", () => endConnection(socket));
    const { request, error } = parse(message);
    if (request === undefined) {
      response.assignSocket(socket);
      return this.#refuse(response, error);
    }
    const leave = () => request.leave();
    // Nobody else looks: whoever ends the connection while he waits has left, as with any other request.
    const drop = () => socket.destroy();
    socket.on("close", leave).on("end", drop);
    const write = (answer: RelayResponse) => {
      response.assignSocket(socket);
      this.#write(response, answer, request);
    };
    this.#answer(request, write, (answer) => {
      // A WebSocket lives long, and would keep the request with all its header lines.
      socket.off("close", leave).off("end", drop);
      this.#upgrades.accept(message, upgrade, answer);
    });
  }

  async #answer(
    request: NodeRequest,
    write: (answer: RelayResponse, request: NodeRequest) => void,
    accept: (answer: UpgradeAnswer | SocketAnswer) => void = (answer) => {
      if (isSocketAnswer(answer)) answer.refused();
      write(this.#handler.refuse(new RelayError("invalid_request", "The request cannot become a WebSocket")), request);
    },
  ): Promise<void> {
    const answer = await this.#handler.handle(request);
    if (isUpgrade(answer) || isSocketAnswer(answer)) accept(answer);
    else write(answer, request);
  }

  #write(response: Response, answer: RelayResponse, request: NodeRequest): void {
    if (request.hasLeft) {
      if (isStreamBody(answer.body)) answer.body.stream.cancel().catch(() => {});
      return;
    }
    try {
      writeAnswer(response, answer, request);
    } catch (error) {
      this.#refuse(response, error);
    }
  }

  #refuse(response: Response, error: unknown): void {
    if (response.headersSent) return void response.destroy();
    const answer = this.#handler.refuse(toRelayError(error));
    writeAnswer(response, answer, { method: response.req.method ?? "", signal: new AbortController().signal });
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** What the error leads to, the event "close" tells. */
function ignore(): void {}

function parse(message: IncomingMessage, onWanted?: () => void): { request?: NodeRequest; error?: unknown } {
  try {
    return { request: new NodeRequest(message, onWanted) };
  } catch (error) {
    return { error };
  }
}

/** Why the parser gave up, or the time limit ended a head. */
function parseFault(error: Error): RelayError {
  switch ("code" in error && error.code) {
    case "HPE_HEADER_OVERFLOW":
      return new RelayError("headers_too_large", `The request's head exceeds ${MAX_HEADER_SIZE_BYTES} bytes`);
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new RelayError("request_timeout", "The client took too long for the request's head");
    default:
      return new RelayError("invalid_request", "The request is no valid HTTP/1.1", { cause: error });
  }
}

function toRelayError(error: unknown): RelayError {
  if (error instanceof RelayError) return error;
  logger.error("Cannot answer a request: {error}", { error });
  return new RelayError("internal_error", "The server failed to answer", { cause: error });
}
