/**
 * A relayed WebSocket over one of Deno's native ones.
 *
 * @module
 */

import { type MessageReceiver, type MessageSocket, SocketClose } from "../../shared/websocket/message_socket.ts";

/** Codes that mean that nobody said goodbye; Deno reports a broken connection as 0. */
const ABNORMAL = new Set([0, SocketClose.abnormal]);

/** Wraps a socket that may still be opening. */
export class NativeMessageSocket implements MessageSocket {
  readonly #socket: WebSocket;
  readonly #encoder = new TextEncoder();
  /** Texts may begin with a byte order mark, which is theirs. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #unsent: (() => void)[] = [];
  readonly #early: ((receiver: MessageReceiver) => void)[] = [];
  #receiver: MessageReceiver | undefined;
  #hasEnded = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#unsent.splice(0).forEach((act) => act());
    socket.onmessage = ({ data }) => {
      const isText = typeof data === "string";
      const bytes = isText ? this.#encoder.encode(data) : new Uint8Array(data as ArrayBuffer);
      this.#tell((receiver) => receiver.message(bytes, isText));
    };
    socket.onclose = ({ code, reason }) => this.#end(ABNORMAL.has(code) ? SocketClose.abnormal : code, reason);
    // The close event follows, and says all there is to say.
    socket.onerror = () => {};
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = receiver;
    for (const tell of this.#early.splice(0)) tell(receiver);
  }

  send(data: Uint8Array, isText: boolean): void {
    const message = isText ? this.#decoder.decode(data) : data as Uint8Array<ArrayBuffer>;
    this.#whenOpen(() => this.#socket.send(message));
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  /** A native WebSocket always reads. */
  pause(): boolean {
    return false;
  }

  resume(): void {}

  close(code: number, reason: string): void {
    this.#whenOpen(() => {
      if (code === SocketClose.noCode) this.#socket.close();
      else this.#socket.close(code, reason);
    });
  }

  /** It cannot be dropped: what is queued is still sent, but for its owner it is over now. */
  terminate(): void {
    this.close(SocketClose.goingAway, "");
    this.#end(SocketClose.abnormal, "");
  }

  #tell(tell: (receiver: MessageReceiver) => void): void {
    if (this.#hasEnded) return;
    if (this.#receiver === undefined) this.#early.push(tell);
    else tell(this.#receiver);
  }

  /** Deno tells an abnormal end twice. */
  #end(code: number, reason: string): void {
    this.#tell((receiver) => receiver.closed(code, reason));
    this.#hasEnded = true;
  }

  #whenOpen(act: () => void): void {
    if (this.#socket.readyState === WebSocket.OPEN) act();
    else if (this.#socket.readyState === WebSocket.CONNECTING) this.#unsent.push(act);
  }
}
