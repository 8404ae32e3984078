/**
 * A message pipe over one of Deno's native WebSockets, the server's side.
 *
 * @module
 */

import type { MessagePipe, PipeReceiver } from "../../shared/protocol/pipe.ts";
import { PipeInbox } from "../../shared/protocol/pipe_inbox.ts";

/** Codes that mean that nobody said goodbye; Deno reports a broken connection as 0. */
const ABNORMAL = new Set([0, 1005, 1006]);

/** Wraps a socket that may still be opening. */
export class NativeWebSocketPipe implements MessagePipe {
  readonly #socket: WebSocket;
  readonly #inbox = new PipeInbox();
  /** What was sent before the socket was open. */
  readonly #unsent: Uint8Array<ArrayBuffer>[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.#inbox.message(new Uint8Array(data));
      else this.close(1008, "only binary messages");
    };
    socket.onclose = ({ code, reason }) => this.#inbox.closed(ABNORMAL.has(code) ? 1006 : code, reason);
    // The close event follows, and says all there is to say.
    socket.onerror = () => {};
  }

  open(receiver: PipeReceiver): void {
    this.#inbox.open(receiver);
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#inbox.hasEnded) return;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
    else if (this.#socket.readyState === WebSocket.CONNECTING) this.#unsent.push(message);
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code, reason);
    this.#inbox.closed(code, reason);
  }

  /** A native WebSocket cannot be dropped: what is queued is still sent, but for its owner it is over now. */
  terminate(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(1001, "");
    this.#inbox.closed(1006, "");
  }

  #opened(): void {
    for (const message of this.#unsent) this.#socket.send(message);
    this.#unsent.length = 0;
    // Closed while it was opening, when the platform does not listen yet.
    if (this.#inbox.hasEnded) this.#socket.close(1001, "");
  }
}
