/**
 * A connector made by hand: it sends what the test says, well-formed or not, and keeps silent when it is told to.
 *
 * @module
 */

import { type RawData, WebSocket } from "ws";
import { decodeFrame, encodeFrame, encodeIds, type FrameContent, parseHead } from "../../shared/protocol/codec.ts";
import { CONNECTION_ID, FLAG_MORE, type Frame, FrameType, SUB_PROTOCOL } from "../../shared/protocol/frame.ts";
import { within } from "./deadline.ts";
import { connectTcp, type RawResponse } from "./tcp.ts";

/** How a WebSocket ended. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
}

/** A connector's end of a WebSocket. Pings are answered until {@link RawConnector.fallSilent}. */
export class RawConnector implements Disposable {
  readonly #closed: Promise<SocketEnd>;
  readonly #socket: WebSocket;
  readonly #frames: Frame[] = [];
  #wake = Promise.withResolvers<void>();
  #isSilent = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<SocketEnd>();
    this.#closed = promise;
    socket.on("close", (code: number, reason: Uint8Array) => {
      resolve({ code, reason: new TextDecoder().decode(reason) });
      this.#wake.resolve();
    });
    socket.on("error", () => {});
    socket.on("message", (data: RawData) => this.#received(decodeFrame(new Uint8Array(data as ArrayBuffer))));
  }

  /**
   * Opens the WebSocket; says nothing yet.
   *
   * @param serverUrl `http:` base of the public listener.
   */
  static async open(serverUrl: string, options: { readonly token: string }): Promise<RawConnector> {
    const socket = new WebSocket(`${serverUrl.replace(/^http/, "ws")}/connector`, SUB_PROTOCOL, {
      headers: { authorization: `Bearer ${options.token}` },
      perMessageDeflate: false,
    });
    socket.binaryType = "arraybuffer";
    const connector = new RawConnector(socket);
    await new Promise<void>((resolve, reject) => socket.once("open", () => resolve()).once("error", reject));
    return connector;
  }

  /** Opens the WebSocket and shakes hands. */
  static async connect(serverUrl: string, options: { readonly token: string }): Promise<RawConnector> {
    const connector = await RawConnector.open(serverUrl, options);
    connector.hello();
    await connector.next(FrameType.welcome);
    return connector;
  }

  /** How the WebSocket ended. Rejects when it is still open after 5 s. */
  get closed(): Promise<SocketEnd> {
    return within(this.#closed, { timeoutMs: 5000, what: "the end of the WebSocket" });
  }

  /** Says hello, with other members of its head where they are given. */
  hello(changes: Readonly<Record<string, unknown>> = {}): void {
    const head = {
      versions: [1],
      connector: { version: "raw", machineName: "raw" },
      targets: ["raw"],
      limits: { maxMessageBytes: 1 << 20 },
      ...changes,
    };
    this.send(FrameType.hello, CONNECTION_ID, { head });
  }

  send(type: number, id: string, content: FrameContent = {}): void {
    this.sendBytes(encodeFrame(type, id, content));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes, { binary: true });
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  /** Answers a request with a complete response. */
  respond(id: string, text: string): void {
    this.send(FrameType.response, id, { head: { status: 200, headers: [] }, payload: new TextEncoder().encode(text) });
  }

  /** Begins an answer whose body goes on. */
  beginResponse(id: string, text: string, length?: number): void {
    const head = { status: 200, headers: [], ...(length === undefined ? {} : { length }) };
    this.send(FrameType.response, id, { flags: FLAG_MORE, head, payload: new TextEncoder().encode(text) });
  }

  acknowledge(...ids: string[]): void {
    this.send(FrameType.acknowledge, CONNECTION_ID, { payload: encodeIds(ids) });
  }

  /** Reads on, but does not answer pings any more. */
  fallSilent(): void {
    this.#isSilent = true;
  }

  /** Drops the socket without a word, as a killed program would. */
  terminate(): void {
    this.#socket.terminate();
  }

  /**
   * Takes the next frame of a type; frames of other types stay.
   *
   * @throws {Error} When the socket closes before, or after 5 s.
   */
  async next(type: number): Promise<Frame & { readonly json: Record<string, unknown> }> {
    const find = async () => {
      while (true) {
        const index = this.#frames.findIndex((frame) => frame.type === type);
        const [frame] = index < 0 ? [] : this.#frames.splice(index, 1);
        if (frame !== undefined) return { ...frame, json: frame.head.length === 0 ? {} : parseHead(frame) };
        if (this.#socket.readyState === WebSocket.CLOSED) throw new Error(`Connection ended before a frame ${type}`);
        await this.#wake.promise;
      }
    };
    return await within(find(), { timeoutMs: 5000, what: `a frame of type ${type}` });
  }

  /** How many frames of a type wait to be taken. */
  count(type: number): number {
    return this.#frames.filter((frame) => frame.type === type).length;
  }

  [Symbol.dispose](): void {
    this.terminate();
  }

  #received(frame: Frame): void {
    if (frame.type === FrameType.ping && !this.#isSilent) {
      this.send(FrameType.pong, CONNECTION_ID, { payload: frame.payload });
    }
    this.#frames.push(frame);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** Asks for a WebSocket by hand and reads what is answered instead of it. */
export async function refusedUpgrade(
  port: number,
  options: { readonly authorization?: string; readonly protocol?: string } = {},
): Promise<RawResponse> {
  const { authorization, protocol = SUB_PROTOCOL } = options;
  using client = await connectTcp(port);
  await client.send(
    [
      "GET /connector HTTP/1.1",
      `Host: 127.0.0.1:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ...(protocol === "" ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
      ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
      "",
      "",
    ].join("\r\n"),
  );
  return await client.readResponse();
}
