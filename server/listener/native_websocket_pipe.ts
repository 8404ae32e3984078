/**
 * A message pipe over one of Deno's native WebSockets, the server's side.
 *
 * @module
 */

import type { MessagePipe, PipeReceiver } from "../../shared/protocol/pipe.ts";

/** Codes that mean that nobody said goodbye; Deno reports a broken connection as 0. */
const ABNORMAL = new Set([0, 1005, 1006]);

/** Wraps a socket that may still be opening. */
export class NativeWebSocketPipe implements MessagePipe {
  readonly #socket: WebSocket;
  #receiver: PipeReceiver | undefined;
  /** What arrived before there was a receiver. */
  #early: Uint8Array[] = [];
  /** What was sent before the socket was open. */
  #unsent: Uint8Array<ArrayBuffer>[] = [];
  #end: { readonly code: number; readonly reason: string } | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code, reason }) => this.#closed(ABNORMAL.has(code) ? 1006 : code, reason);
    // The close event follows, and says all there is to say.
    socket.onerror = () => {};
  }

  open(receiver: PipeReceiver): void {
    this.#receiver = receiver;
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#receiver.message(message);
    if (this.#end !== undefined) this.#receiver.closed(this.#end.code, this.#end.reason);
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#end !== undefined) return;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
    else if (this.#socket.readyState === WebSocket.CONNECTING) this.#unsent.push(message);
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    if (this.#socket.readyState <= WebSocket.OPEN) this.#socket.close(code, reason);
    this.#closed(code, reason);
  }

  /** A native WebSocket cannot be dropped: what is queued is still sent, but for its owner it is over now. */
  terminate(): void {
    if (this.#socket.readyState <= WebSocket.OPEN) this.#socket.close(1001, "");
    this.#closed(1006, "");
  }

  #opened(): void {
    for (const message of this.#unsent) this.#socket.send(message);
    this.#unsent = [];
  }

  #received(data: unknown): void {
    if (this.#end !== undefined) return;
    if (!(data instanceof ArrayBuffer)) return this.close(1008, "only binary messages");
    const message = new Uint8Array(data);
    if (this.#receiver === undefined) this.#early.push(message);
    else this.#receiver.message(message);
  }

  #closed(code: number, reason: string): void {
    if (this.#end !== undefined) return;
    this.#end = { code, reason };
    this.#receiver?.closed(code, reason);
  }
}
