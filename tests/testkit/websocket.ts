/**
 * Applications with WebSockets, and clients of them.
 *
 * @module
 */

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { within } from "./deadline.ts";

/** Called with every WebSocket that the application has accepted. */
export type OnSocket = (socket: WebSocket, request: IncomingMessage) => void;

/** Starts an application with WebSockets. `refuse` answers instead of accepting. Hold it with `await using`. */
export async function startSocketApplication(
  onSocket: OnSocket,
  options: { readonly refuse?: (request: IncomingMessage) => string | undefined; readonly protocol?: string } = {},
) {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: true,
    maxPayload: 64 * 1024 * 1024,
    ...(options.protocol === undefined ? {} : { handleProtocols: () => options.protocol! }),
  });
  sockets.on("headers", (lines) => lines.push("Set-Cookie: a=1", "Set-Cookie: b=2", "X-Application: yes"));
  const http = createServer((_request, response) => void response.end("plain"));
  http.on("upgrade", (request, socket, head) => {
    const refusal = options.refuse?.(request);
    if (refusal !== undefined) return void socket.end(refusal);
    sockets.handleUpgrade(request, socket, head, (webSocket) => onSocket(webSocket, request));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** Sends every message back. */
export const echo: OnSocket = (socket) =>
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));

/** A client by `ws` whose events can be awaited. Hold it with `await using`. */
export class SocketClient implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly closed: Promise<readonly [code: number, reason: string]>;
  response: IncomingMessage | undefined;
  readonly #messages: (string | Uint8Array)[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(url: string, protocols: string[] = [], options: Record<string, unknown> = {}) {
    this.socket = new WebSocket(url.replace(/^http/, "ws"), protocols, options);
    this.closed = new Promise((resolve) =>
      this.socket.once("close", (code, reason) => resolve([code, new TextDecoder().decode(reason)]))
    );
    this.socket.on("upgrade", (response) => this.response = response);
    this.socket.on("error", () => {});
    this.socket.on("message", (data: RawData, isBinary: boolean) => {
      const bytes = new Uint8Array(data as Uint8Array);
      this.#messages.push(isBinary ? bytes : new TextDecoder().decode(bytes));
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  async opened(): Promise<this> {
    const opened = new Promise<void>((resolve, reject) => this.socket.once("open", resolve).once("error", reject));
    await within(opened, { timeoutMs: 5000, what: "the WebSocket" });
    return this;
  }

  /** Rejects the handshake with this answer. */
  async refused(): Promise<{ response: IncomingMessage; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    this.socket.on("unexpected-response", (_request, response) => resolve(response));
    this.socket.on("open", () => reject(new Error("It was accepted")));
    const response = await within(promise, { timeoutMs: 5000, what: "the refusal" });
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    return { response, text };
  }

  async next(): Promise<string | Uint8Array> {
    const find = async () => {
      while (this.#messages.length === 0) await this.#wake.promise;
      return this.#messages.shift()!;
    };
    return await within(find(), { timeoutMs: 10_000, what: "a message" });
  }

  async ended(): Promise<readonly [number, string]> {
    return await within(this.closed, { timeoutMs: 10_000, what: "the end of the WebSocket" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.terminate();
    await this.closed;
  }
}
