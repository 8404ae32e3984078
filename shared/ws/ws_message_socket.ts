/**
 * A relayed WebSocket over `ws`, for both sides.
 *
 * @module
 */

import type { WebSocket } from "ws";
import { type MessageReceiver, type MessageSocket, SocketClose } from "../websocket/message_socket.ts";

/** How often the other side is asked whether it is still there, in milliseconds; an answer must come before the next question. */
const PING_INTERVAL_MS = 30_000;

/** Wraps a socket that is open. Pings are answered, and asked, here: they are nobody else's business. */
export class WsMessageSocket implements MessageSocket {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    // Nothing is lost until somebody listens.
    socket.pause();
    // A message that is too large or malformed: `ws` says so to the other side, and closes.
    socket.on("error", () => {});
  }

  open(receiver: MessageReceiver): void {
    const socket = this.#socket;
    let isAlive = true;
    const timer = setInterval(() => {
      if (!isAlive) return socket.terminate();
      isAlive = socket.isPaused;
      if (socket.readyState === socket.OPEN) socket.ping();
    }, PING_INTERVAL_MS);
    socket.on("pong", () => isAlive = true);
    socket.on("message", (data: Uint8Array, isBinary: boolean) => {
      isAlive = true;
      receiver.message(data, !isBinary);
    });
    socket.once("close", (code: number, reason: Uint8Array) => {
      clearInterval(timer);
      receiver.closed(code, new TextDecoder().decode(reason));
    });
    if (socket.readyState === socket.CLOSED) {
      clearInterval(timer);
      return receiver.closed(SocketClose.abnormal, "");
    }
    socket.resume();
  }

  send(data: Uint8Array, isText: boolean): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(data, { binary: !isText });
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  pause(): boolean {
    this.#socket.pause();
    return true;
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number, reason: string): void {
    // The other side's goodbye is read only by a socket that reads.
    this.#socket.resume();
    if (code === SocketClose.noCode) this.#socket.close();
    else this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
