/**
 * The listener `native`: `Deno.serve` with native WebSockets. Fastest, and without time limits of its own, so it belongs behind a proxy.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { type HeaderLines, isStreamBody, type RelayResponse } from "../../shared/http/message.ts";
import { getLogger } from "../../shared/log/mod.ts";
import {
  isSocketAnswer,
  isUpgrade,
  type Listener,
  type ListenerBody,
  type ListenerHandler,
  type ListenerRequest,
  type ListenOptions,
  type SocketAnswer,
  type UpgradeAnswer,
} from "./listener.ts";
import { NativeMessageSocket } from "./native_message_socket.ts";
import { NativeWebSocketPipe } from "./native_websocket_pipe.ts";
import { readNativeBody } from "./native_body.ts";
import { checkMethod, readFraming, splitUrl } from "./request_line.ts";

const logger = getLogger("listener");
/** `Deno.serve` ends the process on these in a header value. */
const FORBIDDEN_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/;
const HAS_NO_BODY = new Set([204, 205, 304]);

/** Starts listening. */
export function listenNative(handler: ListenerHandler, { hostname, port }: ListenOptions): Listener {
  const state: ListenerState = { isDraining: false };
  const server = Deno.serve(
    {
      hostname,
      port,
      automaticCompression: false,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }),
    },
    (request, info) => serve(handler, request, { info, state }),
  );
  const close = () => server.shutdown();
  return {
    hostname: server.addr.hostname,
    port: server.addr.port,
    finished: server.finished,
    drain: () => void (state.isDraining = true),
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface ListenerState {
  isDraining: boolean;
}

interface Surroundings {
  readonly info: Deno.ServeHandlerInfo<Deno.NetAddr>;
  readonly state: ListenerState;
}

async function serve(handler: ListenerHandler, request: Request, { info, state }: Surroundings): Promise<Response> {
  const respond = (answer: RelayResponse, method: string) =>
    toResponse(state.isDraining ? withClose(answer) : answer, method);
  let incoming: NativeRequest;
  try {
    incoming = new NativeRequest(request, info);
  } catch (error) {
    return respond(refuse(handler, error), "GET");
  }
  const answer = await handler.handle(incoming);
  // Nothing may follow an upgrade: an exception between it and the return of its response closes the listener for good.
  if (isUpgrade(answer)) return upgrade(request, answer);
  if (isSocketAnswer(answer)) return acceptSocket(handler, request, answer);
  try {
    return respond(answer, request.method);
  } catch (error) {
    return respond(refuse(handler, error), "GET");
  }
}

/** HTTP/2, which has no such header, loses it on the way out. */
function withClose(answer: RelayResponse): RelayResponse {
  return { ...answer, headers: [...answer.headers, ["Connection", "close"]] };
}

function refuse(handler: ListenerHandler, error: unknown): RelayResponse {
  if (error instanceof RelayError) return handler.refuse(error);
  logger.error("Cannot answer a request: {error}", { error });
  return handler.refuse(new RelayError("internal_error", "The server failed to answer", { cause: error }));
}

/** Builds the one `Response`. Header lines go in as an array: a `Headers` object would merge repeated ones. */
function toResponse({ status, headers, body }: RelayResponse, method: string): Response {
  for (const [, value] of headers) {
    if (FORBIDDEN_IN_VALUES.test(value)) {
      if (isStreamBody(body)) body.stream.cancel().catch(() => {});
      throw new RelayError("target_invalid_response", "The target answered with a control character in a header");
    }
  }
  const init = {
    // `Deno.serve` cannot frame a 205, every client would wait for its body.
    status: status === 205 ? 204 : status,
    headers: headers as [string, string][],
  };
  const hasNoBody = HAS_NO_BODY.has(status);
  if (isStreamBody(body)) {
    if (method !== "HEAD" && !hasNoBody) return new Response(body.stream, init);
    body.stream.cancel().catch(() => {});
  }
  if (hasNoBody) return new Response(null, init);
  if (body instanceof Uint8Array) return new Response(body as Uint8Array<ArrayBuffer>, init);
  // Of a null body the platform would announce the length, but nobody knows what a GET would have had.
  return new Response(method === "HEAD" ? new ReadableStream({ start: (body) => body.close() }) : null, init);
}

function upgrade(request: Request, answer: UpgradeAnswer): Response {
  // The sub-protocol is set by hand: the option splits the client's offer at ", " only.
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  response.headers.set("sec-websocket-protocol", answer.protocol);
  answer.accept(new NativeWebSocketPipe(socket));
  return response;
}

/** Seconds of silence after half of which the client is asked whether it is still there, and after which it is not. */
const IDLE_TIMEOUT_S = 60;

function acceptSocket(handler: ListenerHandler, request: Request, answer: SocketAnswer): Response {
  const lines: [string, string][] = answer.headers.map(([name, value]) => [name, value]);
  if (answer.protocol !== undefined) lines.push(["sec-websocket-protocol", answer.protocol]);
  try {
    if (lines.some(([, value]) => FORBIDDEN_IN_VALUES.test(value))) {
      throw new TypeError("A control character in a header");
    }
    // What cannot be a header must be found before the upgrade.
    new Headers(lines);
  } catch (cause) {
    answer.refused();
    const error = new RelayError("target_invalid_response", "The target's headers cannot be sent", { cause });
    return toResponse(refuse(handler, error), "GET");
  }
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: IDLE_TIMEOUT_S });
  for (const [name, value] of lines) response.headers.append(name, value);
  answer.acceptSocket(new NativeMessageSocket(socket));
  return response;
}

class NativeRequest implements ListenerRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly headers: HeaderLines;
  readonly body: ListenerBody | null;
  readonly peerAddress: string;
  readonly #request: Request;

  /** @throws {RelayError} `invalid_request`. */
  constructor(request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) {
    this.#request = request;
    this.method = request.method;
    this.peerAddress = info.remoteAddr.hostname;
    const headers = [...request.headers];
    this.headers = headers;
    let host: string | undefined;
    let contentLength: string | undefined;
    let transferEncoding: string | undefined;
    for (const [name, value] of headers) {
      if (name === "host") host = value;
      else if (name === "content-length") contentLength = value;
      else if (name === "transfer-encoding") transferEncoding = value;
    }
    const { host: authority, target } = splitUrl(request.url, host);
    this.host = authority;
    this.target = toByteString(target);
    checkMethod(request.method);
    const framing = readFraming(contentLength, transferEncoding);
    // HTTP/2, which `Deno.serve` also speaks, has no Host and needs no framing headers.
    const isUnframed = host === undefined && !framing.hasBody && request.body !== null;
    this.body = framing.hasBody ? readBody(request, framing.length) : isUnframed ? readBody(request, undefined) : null;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  toRequest(): Request {
    return this.#request;
  }
}

/** @throws {RelayError} `invalid_request` when the platform has dropped the body, which it does for GET and HEAD. */
function readBody(request: Request, length: number | undefined): ListenerBody {
  const { body } = request;
  if (request.method === "GET" || request.method === "HEAD" || body === null) {
    throw new RelayError(
      "invalid_request",
      `Cannot accept the request: a body on ${request.method === "HEAD" ? "HEAD" : "GET"} is not supported`,
    );
  }
  return { length, bytes: () => request.bytes(), stream: () => readNativeBody(body, length === undefined) };
}

/** `Deno.serve` decodes a target's UTF-8; the relay wants its bytes. */
function toByteString(target: string): string {
  if (!/[^\x20-\x7e]/.test(target)) return target;
  return Array.from(new TextEncoder().encode(target), (byte) => String.fromCharCode(byte)).join("");
}
