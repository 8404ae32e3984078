/**
 * Calls a target's WebSocket. Its refusal is an answer like any other; once it has accepted, the messages of both sides are the bodies.
 *
 * @module
 */

import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { isStreamBody, type RelayRequest, type RelayResponse } from "../../shared/http/message.ts";
import { Deadline, type Deadlines } from "../../shared/time/deadlines.ts";
import { MAX_SOCKET_MESSAGE_BYTES } from "../../shared/websocket/message_socket.ts";
import { SocketStreams } from "../../shared/websocket/socket_streams.ts";
import { WsMessageSocket } from "../../shared/ws/ws_message_socket.ts";
import type { TargetContext } from "./target.ts";
import { StreamedBody } from "./web_body.ts";
import { fromRawResponseHeaders } from "./web_headers.ts";
import type { WebOrigin } from "./web_origin.ts";

/** Where the target is, and what it is sent. */
export interface WebSocketCall {
  readonly origin: WebOrigin;
  readonly path: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  readonly agent: Agent;
}

/** What surrounds the call. */
export interface WebSocketCallOptions {
  readonly context: TargetContext;
  /** Until the target has accepted or refused. */
  readonly deadlines: Deadlines;
  /** Holds the WebSockets that are open. */
  readonly open: Set<SocketStreams>;
}

/** How long a peer may take to answer a close, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2000;
/** Same as for other answers. */
const MAX_HEADER_SIZE_BYTES = 65_536;

/**
 * Calls the target.
 *
 * @returns 101 with the messages of the target, or the answer with which it refused.
 * @throws {RelayError} `invalid_request`, `target_unreachable`, `target_invalid_response`, `target_timeout`.
 */
export async function callWebSocket(
  request: RelayRequest,
  call: WebSocketCall,
  options: WebSocketCallOptions,
): Promise<RelayResponse> {
  const { body } = request;
  if (!isStreamBody(body)) {
    throw new RelayError("invalid_request", "Cannot open a WebSocket without a stream of messages");
  }
  const dialled = await new Dial(call, offeredProtocols(request), options).result;
  if ("refusal" in dialled) {
    body.stream.cancel().catch(() => {});
    return dialled.refusal;
  }
  const streams = new SocketStreams({
    broken: () => new RelayError("target_unreachable", "The target broke its WebSocket off"),
  });
  options.open.add(streams);
  streams.run(dialled.socket, body.stream).then(() => options.open.delete(streams));
  return { status: 101, headers: dialled.headers, body: { stream: streams.outgoing } };
}

type Dialled =
  | { readonly socket: WsMessageSocket; readonly headers: RelayResponse["headers"] }
  | { readonly refusal: RelayResponse };

/** One attempt to open the WebSocket. */
class Dial {
  readonly result: Promise<Dialled>;
  readonly #socket: WebSocket;
  readonly #options: WebSocketCallOptions;
  readonly #settle = Promise.withResolvers<Dialled>();
  readonly #deadline = new Deadline(() => {
    this.#fail(new RelayError("target_timeout", "Cannot call target: it did not answer in time"));
  });
  readonly #onAbort = () => this.#fail(this.#options.context.signal.reason);
  #headers: RelayResponse["headers"] = [];
  #isSettled = false;

  constructor(call: WebSocketCall, protocols: string[], options: WebSocketCallOptions) {
    this.#options = options;
    this.result = this.#settle.promise;
    this.#socket = openSocket(call, protocols);
    // It stays for good: what is dropped errors afterwards.
    this.#socket.on("error", (error) => this.#fail(toRelayError(error)));
    this.#socket.on("upgrade", (message: IncomingMessage) => this.#headers = headersOf(message));
    this.#socket.on("unexpected-response", (_request, message: IncomingMessage) => this.#refused(message));
    this.#socket.on("open", () => {
      this.#settled();
      this.#settle.resolve({ socket: new WsMessageSocket(this.#socket), headers: this.#headers });
    });
    options.context.signal.addEventListener("abort", this.#onAbort);
    options.deadlines.start(this.#deadline);
    if (options.context.signal.aborted) this.#onAbort();
  }

  #refused(message: IncomingMessage): void {
    const status = message.statusCode ?? 0;
    if (status < 200 || status > 599) {
      return this.#fail(
        new RelayError("target_invalid_response", "Cannot read response: its status is outside 200 to 599"),
      );
    }
    try {
      const { lines, contentLength } = fromRawResponseHeaders(message.rawHeaders);
      const body = new StreamedBody(message, { onCancel: () => message.destroy() });
      const broken = () => body.fail(new RelayError("target_unreachable", "The target broke off its response"));
      message.on("end", () => message.complete ? body.end() : broken());
      message.on("error", broken);
      message.on("close", broken);
      const { signal } = this.#options.context;
      signal.addEventListener("abort", () => message.destroy(), { once: true });
      this.#settled();
      const stream = { stream: body.stream, ...(contentLength === undefined ? {} : { length: contentLength }) };
      this.#settle.resolve({ refusal: { status, headers: lines, body: stream } });
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#settled();
    this.#settle.reject(error);
    this.#socket.terminate();
  }

  #settled(): void {
    this.#isSettled = true;
    this.#options.deadlines.stop(this.#deadline);
    this.#options.context.signal.removeEventListener("abort", this.#onAbort);
  }
}

function openSocket({ origin, path, rawHeaders, agent }: WebSocketCall, protocols: string[]): WebSocket {
  const host = origin.hostname.includes(":") ? `[${origin.hostname}]` : origin.hostname;
  const options: WebSocket.ClientOptions & { closeTimeout: number; maxHeaderSize: number } = {
    agent,
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: MAX_SOCKET_MESSAGE_BYTES,
    maxHeaderSize: MAX_HEADER_SIZE_BYTES,
    closeTimeout: CLOSE_TIMEOUT_MS,
    ...(origin.servername === undefined ? {} : { servername: origin.servername }),
    // `ws` would parse the path as part of a URL, which changes it.
    finishRequest: (request: ClientRequest) => {
      request.path = path === "" ? "/" : path;
      writeHeaders(request, rawHeaders);
      request.end();
    },
  };
  try {
    return new WebSocket(`${origin.protocol.replace("http", "ws")}//${host}:${origin.port}/`, protocols, options);
  } catch (cause) {
    throw new RelayError("invalid_request", "Cannot open a WebSocket: its sub-protocols are no list of names", {
      cause,
    });
  }
}

function writeHeaders(request: ClientRequest, rawHeaders: readonly string[]): void {
  const written = new Set<string>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name, value] = [rawHeaders[index]!, rawHeaders[index + 1]!];
    const lowerCaseName = name.toLowerCase();
    // The handshake is the connector's own; only the sub-protocols are the client's, and are given to `ws`.
    if (lowerCaseName.startsWith("sec-websocket-")) continue;
    if (written.has(lowerCaseName)) request.appendHeader(name, value);
    else request.setHeader(name, value);
    written.add(lowerCaseName);
  }
}

function headersOf(message: IncomingMessage): RelayResponse["headers"] {
  return fromRawResponseHeaders(message.rawHeaders).lines.filter(([name]) =>
    !/^sec-websocket-(?!protocol$)/i.test(name) && !/^content-length$/i.test(name)
  );
}

function offeredProtocols({ headers }: RelayRequest): string[] {
  const offered = headers.filter(([name]) => name.toLowerCase() === "sec-websocket-protocol").map(([, value]) => value);
  return offered.join(",").split(",").map((name) => name.trim()).filter((name) => name !== "");
}

function toRelayError(cause: Error): RelayError {
  const code = "code" in cause ? String(cause.code) : undefined;
  if (code === undefined || code.startsWith("HPE_") || code.startsWith("WS_ERR")) {
    return new RelayError("target_invalid_response", "Cannot read response: it is no valid WebSocket handshake", {
      cause,
    });
  }
  return new RelayError("target_unreachable", `Cannot reach target: ${code}`, { cause });
}
