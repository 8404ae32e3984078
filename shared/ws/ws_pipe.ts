/**
 * A message pipe over `ws`. Deno's own WebSocket client waits 44 ms for every message of 1 KiB to 64 KiB, because it leaves Nagle's algorithm on.
 *
 * @module
 */

import type { WebSocket } from "ws";
import type { MessagePipe, PipeReceiver } from "../protocol/pipe.ts";
import { PipeInbox } from "../protocol/pipe_inbox.ts";

/**
 * Wraps a socket that is open. Every message is written at once: to hold those of one turn of the event loop together saves a write each, but
 * lets both sides wait for each other.
 */
export class WsPipe implements MessagePipe {
  readonly #socket: WebSocket;
  readonly #inbox = new PipeInbox();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Uint8Array, isBinary: boolean) => {
      if (isBinary) this.#inbox.message(data);
      else this.close(1008, "only binary messages");
    });
    socket.on("close", (code: number, reason: Uint8Array) => {
      this.#inbox.closed(code === 1005 ? 1006 : code, new TextDecoder().decode(reason));
    });
    // After an oversized message `ws` would wait 30 seconds for the other side to close.
    socket.on("error", () => this.terminate());
  }

  open(receiver: PipeReceiver): void {
    this.#inbox.open(receiver);
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#inbox.hasEnded) return;
    this.#socket.send(message, { binary: true });
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    this.#inbox.closed(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
    this.#inbox.closed(1006, "");
  }
}
