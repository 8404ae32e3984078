/**
 * Opens the WebSocket to a server.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import type { MessagePipe } from "../../shared/protocol/pipe.ts";
import { SUB_PROTOCOL } from "../../shared/protocol/frame.ts";
import { ConnectError } from "./connect_error.ts";
import { reasonOf } from "./discovery.ts";
import { WsPipe } from "../../shared/ws/ws_pipe.ts";

/** How to dial. */
export interface DialOptions {
  readonly token: string;
  /** Certificates (PEM) that the server's certificate is checked against, instead of the platform's. */
  readonly ca?: readonly string[];
  /** Largest message taken, in bytes. */
  readonly maxMessageBytes: number;
  /** Milliseconds until the WebSocket must be open. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How long a peer may take to answer a close, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * Opens a WebSocket.
 *
 * @param endpoint The `connectorEndpoint` of the discovery document, `http(s):` or `ws(s):`.
 * @throws {ConnectError} every code; the server's refusals are told apart by status.
 */
export function dial(endpoint: string, options: DialOptions): Promise<MessagePipe> {
  const { token, ca, maxMessageBytes, timeoutMs, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<MessagePipe>();
  const socketOptions: WebSocket.ClientOptions & { closeTimeout: number } = {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    followRedirects: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    ...(ca === undefined ? {} : { ca: [...ca] }),
  };
  const socket = new WebSocket(endpoint.replace(/^http/, "ws"), SUB_PROTOCOL, socketOptions);
  const fail = (error: ConnectError) => {
    cleanUp();
    socket.on("error", () => {});
    socket.terminate();
    reject(error);
  };
  const unreachable = (cause: unknown) =>
    fail(
      new ConnectError("server_unreachable", `Cannot open a WebSocket to ${endpoint}: ${reasonOf(cause)}`, { cause }),
    );
  const onAbort = () => unreachable(signal.reason);
  const onError = (error: Error) => unreachable(error);
  const onResponse = (_request: unknown, response: IncomingMessage) => fail(refusal(endpoint, response));
  // The option `handshakeTimeout` does not cover proxies.
  const timer = setTimeout(() => unreachable(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const cleanUp = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.off("error", onError).off("unexpected-response", onResponse);
  };
  let connection: Socket | undefined;
  socket.once("upgrade", (response) => connection = response.socket);
  socket.on("error", onError).on("unexpected-response", onResponse).once("open", () => {
    cleanUp();
    resolve(new WsPipe(socket, connection));
  });
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  return promise;
}

function refusal(endpoint: string, { statusCode = 0 }: IncomingMessage): ConnectError {
  const said = `${endpoint} answered ${statusCode}`;
  if (statusCode === 401) return new ConnectError("authentication_failed", `${said}: the token was refused`);
  if (statusCode === 403) return new ConnectError("access_denied", `${said}: the tenant may not connect`);
  if (statusCode >= 500) return new ConnectError("server_unavailable", `${said}: it is about to stop, or full`);
  return new ConnectError("not_a_relayserver", `${said} instead of opening a WebSocket`);
}
