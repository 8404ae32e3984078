/**
 * A piece of network between two programs, which can break.
 *
 * @module
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Where connections go. */
export interface TcpAddress {
  readonly hostname: string;
  readonly port: number;
}

/** Passes TCP connections on to one address. */
export class TcpRelay implements AsyncDisposable {
  readonly #target: TcpAddress;
  /** Both ends of every connection. */
  readonly #sockets = new Set<Socket>();
  #server: Server;
  #port = 0;
  #isPaused = false;

  private constructor(target: TcpAddress) {
    this.#target = target;
    this.#server = this.#createServer();
  }

  /** Starts to pass connections on, from a free port of this machine. */
  static async start(target: TcpAddress): Promise<TcpRelay> {
    const relay = new TcpRelay(target);
    await relay.#listen();
    return relay;
  }

  get port(): number {
    return this.#port;
  }

  /** Ends all connections, and refuses new ones. */
  async cut(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Takes connections again after {@link cut}. */
  async restore(): Promise<void> {
    this.#server = this.#createServer();
    await this.#listen();
  }

  /** Holds back whatever is sent, without a word to either side. */
  pause(): void {
    this.#isPaused = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Sends what {@link pause} held back, and goes on. */
  resume(): void {
    this.#isPaused = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  #createServer(): Server {
    return createServer((client) => this.#pass(client));
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === "object");
    this.#port = address.port;
  }

  #pass(client: Socket): void {
    const target = connect(this.#target.port, this.#target.hostname);
    for (const [from, to] of [[client, target], [target, client]] as const) {
      this.#sockets.add(from);
      from.on("data", (chunk: Uint8Array) => to.write(chunk));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#isPaused) from.pause();
    }
  }
}
