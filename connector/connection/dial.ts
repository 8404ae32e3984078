/**
 * Opens the WebSocket to a server.
 *
 * @module
 */

import type { Agent, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import type { MessagePipe } from "../../shared/protocol/pipe.ts";
import { SUB_PROTOCOL } from "../../shared/protocol/frame.ts";
import { ConnectError } from "./connect_error.ts";
import { reasonOf } from "./discovery.ts";
import { WsPipe } from "../../shared/ws/ws_pipe.ts";

/** How to dial. */
export interface DialOptions {
  readonly token: string;
  /** Makes the socket; the platform's own way without it. */
  readonly agent?: Agent | undefined;
  /** Largest message taken, in bytes. */
  readonly maxMessageBytes: number;
  /** Milliseconds until the WebSocket must be open. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Longest refusal that is read. */
const MAX_PROBLEM_CHARACTERS = 4096;
/** How long a peer may take to answer a close, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * Opens a WebSocket.
 *
 * @param endpoint The `connectorEndpoint` of the discovery document, `http(s):` or `ws(s):`.
 * @throws {ConnectError} every code; the server's refusals are told apart by status.
 */
export function dial(endpoint: string, options: DialOptions): Promise<MessagePipe> {
  const { token, agent, maxMessageBytes, timeoutMs, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<MessagePipe>();
  const socketOptions: WebSocket.ClientOptions & { closeTimeout: number } = {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    followRedirects: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    ...(agent === undefined ? {} : { agent }),
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
  const onResponse = async (_request: unknown, response: IncomingMessage) =>
    fail(refusal(endpoint, response, await readDetail(response)));
  // The option `handshakeTimeout` does not cover proxies.
  const timer = setTimeout(() => unreachable(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const cleanUp = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.off("error", onError).off("unexpected-response", onResponse);
  };
  socket.on("error", onError).on("unexpected-response", onResponse).once("open", () => {
    cleanUp();
    resolve(new WsPipe(socket));
  });
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  return promise;
}

function refusal(endpoint: string, { statusCode = 0 }: IncomingMessage, detail: string | undefined): ConnectError {
  const said = `${endpoint} answered ${statusCode}`;
  const because = (reason: string) => `${said}: ${detail ?? reason}`;
  if (statusCode === 401) return new ConnectError("authentication_failed", because("the token was refused"));
  if (statusCode === 403) return new ConnectError("access_denied", because("the tenant may not connect"));
  if (statusCode >= 500) return new ConnectError("server_unavailable", because("it is about to stop, or full"));
  return new ConnectError("not_a_relayserver", `${said} instead of opening a WebSocket`);
}

/** What a server's problem document (RFC 9457) says, as far as it can be shown; `undefined` when the answer is none. */
async function readDetail(response: IncomingMessage): Promise<string | undefined> {
  if (!response.headers["content-type"]?.startsWith("application/problem+json")) return undefined;
  try {
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) {
      text += chunk;
      if (text.length > MAX_PROBLEM_CHARACTERS) return undefined;
    }
    const { detail } = JSON.parse(text);
    return typeof detail === "string" && /^[\x20-\x7e]{1,200}$/.test(detail) ? detail : undefined;
  } catch {
    return undefined;
  }
}
