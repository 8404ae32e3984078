/**
 * A message pipe over `ws`. Deno's own WebSocket client waits 44 ms for every message of 1 KiB to 64 KiB, because it leaves Nagle's algorithm on.
 *
 * @module
 */

import type { MessagePipe, PipeReceiver } from "../../shared/protocol/pipe.ts";
import type { WebSocket } from "ws";

/** Wraps a socket that is open. */
export class WsPipe implements MessagePipe {
  readonly #socket: WebSocket;
  #receiver: PipeReceiver | undefined;
  /** What arrived before there was a receiver. */
  #early: Uint8Array[] = [];
  #end: { readonly code: number; readonly reason: string } | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Uint8Array, isBinary: boolean) => this.#received(data, isBinary));
    socket.on(
      "close",
      (code: number, reason: Uint8Array) => this.#closed(code === 1005 ? 1006 : code, new TextDecoder().decode(reason)),
    );
    // After an oversized message `ws` would wait 30 seconds for the other side to close.
    socket.on("error", () => this.terminate());
  }

  open(receiver: PipeReceiver): void {
    this.#receiver = receiver;
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#receiver.message(message);
    if (this.#end !== undefined) this.#receiver.closed(this.#end.code, this.#end.reason);
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#end === undefined) this.#socket.send(message, { binary: true });
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    this.#closed(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
    this.#closed(1006, "");
  }

  #received(data: Uint8Array, isBinary: boolean): void {
    if (this.#end !== undefined) return;
    if (!isBinary) return this.close(1008, "only binary messages");
    if (this.#receiver === undefined) this.#early.push(data);
    else this.#receiver.message(data);
  }

  #closed(code: number, reason: string): void {
    if (this.#end !== undefined) return;
    this.#end = { code, reason };
    this.#receiver?.closed(code, reason);
  }
}
