/**
 * What lies between connectors and a server: passes everything on, and knows what passes. It can hold a frame while something goes wrong, and send
 * acknowledgements twice, late or for others.
 *
 * @module
 */

import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as openRequest,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { decodeFrame, decodeIds, encodeFrame, encodeIds, parseHead } from "../../shared/protocol/codec.ts";
import { readRequestHead } from "../../shared/protocol/exchange_heads.ts";
import { CONNECTION_ID, type Frame, FrameType, SUB_PROTOCOL } from "../../shared/protocol/frame.ts";
import { headerValue } from "../../shared/http/headers.ts";
import { ID_HEADER } from "./chaos_target.ts";

/** Where a request is seen on its way. */
export type WirePoint = "handed over" | "received" | "answered";

/** How connectors acknowledge. */
export type ReceiptHabit = "once" | "twice" | "late" | "wrong";

/** What a wire tells. */
export interface WireObserver {
  /** A frame about these requests is about to pass; it waits until this resolves. */
  passing(point: WirePoint, ids: readonly string[]): Promise<void> | void;
}

/** How late connectors acknowledge that are late, in milliseconds. */
const LATE_MS = 1_500;

/** In front of one server. */
export class Wire implements AsyncDisposable {
  /** How acknowledgements pass. */
  habit: ReceiptHabit = "once";
  readonly #serverPort: number;
  readonly #observer: WireObserver;
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #open = new Set<WebSocket>();
  /** Requests by their deliveries. */
  readonly #deliveries = new Map<string, string>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  private constructor(serverPort: number, observer: WireObserver) {
    this.#serverPort = serverPort;
    this.#observer = observer;
    this.#server = createServer((message, response) => this.#passOn(message, response));
    this.#server.on("upgrade", (message, socket, head) => this.#upgrade(message, { socket, head }));
  }

  static async start(serverPort: number, observer: WireObserver): Promise<Wire> {
    const wire = new Wire(serverPort, observer);
    wire.#server.listen(0, "127.0.0.1");
    await once(wire.#server, "listening");
    return wire;
  }

  /** What connectors take for the server. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#open) socket.terminate();
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #passOn(message: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url = "/", rawHeaders } = message;
    const call = openRequest({
      hostname: "127.0.0.1",
      port: this.#serverPort,
      method,
      path: url,
      headers: rawHeaders as unknown as Record<string, string>,
      agent: false,
    });
    call.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    call.on("error", () => response.destroy());
    message.on("error", () => call.destroy());
    response.on("close", () => call.destroy());
    message.pipe(call);
  }

  #upgrade(message: IncomingMessage, { socket, head }: { readonly socket: Duplex; readonly head: Buffer }): void {
    socket.on("error", () => {});
    const { host = "", authorization = "", "user-agent": agent = "" } = message.headers;
    const upstream = new WebSocket(`ws://127.0.0.1:${this.#serverPort}${message.url}`, SUB_PROTOCOL, {
      headers: { host, authorization, "user-agent": agent },
      perMessageDeflate: false,
    });
    this.#track(upstream);
    upstream.on("unexpected-response", (_, { statusCode }) => {
      socket.end(`HTTP/1.1 ${statusCode} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      upstream.terminate();
    });
    upstream.on("close", () => socket.destroyed || upstream.protocol !== "" || socket.destroy());
    upstream.on("open", () => {
      this.#webSockets.handleUpgrade(message, socket, head, (downstream) => {
        this.#track(downstream);
        this.#join(upstream, downstream, (frame) => this.#toConnector(frame));
        this.#join(downstream, upstream, (frame) => this.#toServer(frame));
      });
    });
  }

  #track(socket: WebSocket): void {
    socket.binaryType = "nodebuffer";
    socket.on("error", () => {});
    this.#open.add(socket);
    socket.on("close", () => this.#open.delete(socket));
  }

  /** Messages keep their order, however long one is held. */
  #join(from: WebSocket, to: WebSocket, take: (frame: Frame) => Promise<boolean>): void {
    let last = Promise.resolve();
    const send = (message: Uint8Array) => to.readyState === WebSocket.OPEN && to.send(message);
    from.on("message", (data: RawData) => {
      const message = new Uint8Array(data as Buffer);
      last = last.then(async () => {
        const frame = decodeFrame(message);
        if (await take(frame)) this.#acknowledge(message, frame, send);
        else send(message);
      });
    });
    from.on("close", (code: number, reason: Uint8Array) => {
      // Other codes mean that there was no good end.
      const isClean = code >= 4000 || code === 1000 || code === 1001;
      void last.then(() => isClean ? to.close(code, new TextDecoder().decode(reason)) : to.terminate());
    });
  }

  /** @returns Whether it is an acknowledgement. */
  async #toConnector(frame: Frame): Promise<boolean> {
    if (frame.type !== FrameType.request) return false;
    const id = headerValue(readRequestHead(parseHead(frame)).headers, ID_HEADER.toLowerCase()) ?? "";
    this.#deliveries.set(frame.id, id);
    await this.#observer.passing("handed over", [id]);
    return false;
  }

  async #toServer(frame: Frame): Promise<boolean> {
    // An error says as well that the connector had the request (protocol §4).
    const isAnswer = frame.type === FrameType.response || frame.type === FrameType.error;
    if (isAnswer) await this.#observer.passing("answered", this.#requests([frame.id]));
    if (frame.type !== FrameType.acknowledge) return false;
    await this.#observer.passing("received", this.#requests(decodeIds(frame.payload)));
    return true;
  }

  #requests(deliveries: readonly string[]): string[] {
    return deliveries.flatMap((id) => this.#deliveries.get(id) ?? []);
  }

  #acknowledge(message: Uint8Array, frame: Frame, send: (message: Uint8Array) => void): void {
    if (this.habit === "late") {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        send(message);
      }, LATE_MS);
      this.#timers.add(timer);
      return;
    }
    if (this.habit === "wrong") {
      const unknown = crypto.randomUUID().replaceAll("-", "");
      const over = [...this.#deliveries.keys()].slice(0, 1).filter((id) => !decodeIds(frame.payload).includes(id));
      send(encodeFrame(FrameType.acknowledge, CONNECTION_ID, { payload: encodeIds([unknown, ...over]) }));
    }
    send(message);
    if (this.habit === "twice") send(message);
  }
}
