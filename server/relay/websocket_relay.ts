/**
 * WebSockets of clients. To the relay each is a request whose body, and whose response's body, are streams of messages: admission, policies,
 * interceptors and the access log treat it like any other request. The target is called first; only when it has accepted is the client.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import { isStreamBody, type RelayResponse } from "../../shared/http/message.ts";
import type { MessageSocket } from "../../shared/websocket/message_socket.ts";
import { SocketClose } from "../../shared/websocket/message_socket.ts";
import { SocketStreams } from "../../shared/websocket/socket_streams.ts";
import type { ListenerRequest, SocketAnswer } from "../listener/listener.ts";
import type { HandleOptions } from "./handle_options.ts";
import { answerFailure } from "./failure.ts";

/** Relays requests; the one part of the relay that this needs. */
export interface RequestRelay {
  handle(request: ListenerRequest, options?: HandleOptions): Promise<RelayResponse>;
}

const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Whether a client asks for a WebSocket. What only looks like it stays a plain request, as RFC 9110 §7.8 allows. */
export function isWebSocketRequest({ method, headers, body }: ListenerRequest): boolean {
  if (method !== "GET" || body !== null) return false;
  // Asked for every request: nothing is made of names that cannot be it.
  for (const [name, value] of headers) {
    if (name.length === 7 && name.toLowerCase() === "upgrade") return value.toLowerCase() === "websocket";
  }
  return false;
}

/** Relays WebSockets. */
export class WebSocketRelay {
  readonly #relay: RequestRelay;
  readonly #open = new Set<SocketStreams>();
  #isDraining = false;

  constructor(relay: RequestRelay) {
    this.#relay = relay;
  }

  /** WebSockets that are open. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Answers a request for a WebSocket. Never rejects.
   *
   * @param readAddress Says whom it is for; without it the path does.
   */
  async handle(request: ListenerRequest, options?: HandleOptions): Promise<RelayResponse | SocketAnswer> {
    const fault = handshakeFault(request);
    if (fault !== undefined) return refuse(fault);
    const streams = new SocketStreams({ broken: () => new RelayError("client_gone", "The client has left") });
    using leaving = new Leaving(request.signal);
    const upgrade = { streams, signal: leaving.signal };
    const response = await this.#relay.handle(new UpgradeRequest(request, upgrade), options);
    const { status, headers, body } = response;
    if (status !== 101 || !isStreamBody(body)) return response;
    return {
      status: 101,
      headers: headers.filter(([name]) => !name.toLowerCase().startsWith("sec-websocket-")),
      protocol: headerValue(headers, "sec-websocket-protocol"),
      acceptSocket: (socket) => void this.#serve(streams, socket, body.stream),
      refused: () => void body.stream.cancel(new RelayError("client_gone", "The client has left")).catch(() => {}),
    };
  }

  /** Closes all WebSockets, which would otherwise outlast every time limit: clients connect again, elsewhere. */
  drain(): void {
    this.#isDraining = true;
    for (const streams of [...this.#open]) streams.end(SocketClose.goingAway, "the server stops");
  }

  async #serve(streams: SocketStreams, socket: MessageSocket, incoming: ReadableStream<Uint8Array>): Promise<void> {
    this.#open.add(streams);
    const ended = streams.run(socket, incoming);
    if (this.#isDraining) streams.end(SocketClose.goingAway, "the server stops");
    await ended;
    this.#open.delete(streams);
  }
}

/** Refused before anybody is called: the platforms' own refusals come too late, or end the listener. */
function handshakeFault({ headers }: ListenerRequest): string | undefined {
  const options = (headerValue(headers, "connection") ?? "").toLowerCase().split(",").map((option) => option.trim());
  if (!options.includes("upgrade")) return "Connection must hold Upgrade";
  if (headerValue(headers, "sec-websocket-version") !== "13") {
    return "Only version 13 of the WebSocket protocol is spoken";
  }
  return KEY.test(headerValue(headers, "sec-websocket-key") ?? "")
    ? undefined
    : "Sec-WebSocket-Key is missing or malformed";
}

function refuse(fault: string): RelayResponse {
  const answer = answerFailure(new RelayError("invalid_request", `Cannot open a WebSocket: ${fault}`));
  return { ...answer, headers: [...answer.headers, ["Sec-WebSocket-Version", "13"]] };
}

/** The client's leaving, until its socket tells of it itself, and better. */
class Leaving implements Disposable {
  readonly #source: AbortSignal;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#controller.abort(this.#source.reason);

  constructor(source: AbortSignal) {
    this.#source = source;
    source.addEventListener("abort", this.#onAbort);
    if (source.aborted) this.#onAbort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#source.removeEventListener("abort", this.#onAbort);
  }
}

/** The client's request with its messages as body. */
class UpgradeRequest implements ListenerRequest {
  readonly upgrade = "websocket";
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly headers: ListenerRequest["headers"];
  readonly peerAddress: string;
  readonly body: ListenerRequest["body"];
  readonly signal: AbortSignal;
  readonly #request: ListenerRequest;

  constructor(
    request: ListenerRequest,
    { streams, signal }: { readonly streams: SocketStreams; readonly signal: AbortSignal },
  ) {
    this.#request = request;
    this.signal = signal;
    this.method = request.method;
    this.target = request.target;
    this.host = request.host;
    this.headers = request.headers;
    this.peerAddress = request.peerAddress;
    this.body = {
      length: undefined,
      isMessages: true,
      bytes: () => Promise.reject(new TypeError("Cannot collect the messages of a WebSocket")),
      stream: () => streams.outgoing,
    };
  }

  toRequest(): Request {
    return this.#request.toRequest();
  }
}
