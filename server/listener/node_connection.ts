/**
 * A client's connection to the listener `node`: which answers it still has to carry, and how it ends.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { RelayResponse } from "../../shared/http/message.ts";
import { Deadline, type Deadlines } from "../../shared/time/deadlines.ts";
import type { NodeRequest } from "./node_request.ts";
import { LINGER_MS, writeRefusal } from "./node_response.ts";

/** A request whose answer has not ended. */
interface Exchange {
  readonly response: ServerResponse<IncomingMessage>;
  /** Absent when it is refused. */
  readonly request: NodeRequest | undefined;
  /** Has the request answered. */
  readonly answer: () => void;
}

/** Requests that may wait for the answers before theirs. The socket cannot be held back while it reads, so that more end the connection. */
const MAX_WAITING = 100;

/** One connection. Its socket belongs to `node:http`. */
export class NodeConnection {
  readonly #socket: Socket;
  readonly #idling: Deadlines;
  readonly #idle: Deadline;
  /** When it began to wait. */
  #bytesRead = 0;
  /** In the order of the requests, which is that of the answers. */
  readonly #exchanges: Exchange[] = [];
  #isDraining = false;
  #isClosing = false;
  #take: (() => void) | undefined;
  /** Ends it behind what was written to it. */
  readonly #end: () => void;

  /** @param idling How long it may wait for its next request. */
  constructor(socket: Socket, idling: Deadlines) {
    this.#socket = socket;
    this.#idling = idling;
    this.#idle = new Deadline(() => {
      // A head that has begun has a time limit of its own, but an empty line begins none.
      if (socket.bytesRead === this.#bytesRead) socket.destroy();
      else this.#waitForNext();
    });
    this.#end = socket.destroySoon.bind(socket);
    // Called by `node:http` behind the last answer, which a client that is still sending must be able to read.
    socket.destroySoon = () => this.#exchanges[0]?.response.req.complete === false ? socket.end() : this.#end();
    socket.on("close", () => {
      idling.stop(this.#idle);
      for (const { request } of this.#exchanges) request?.leave();
    });
  }

  /** A request has come. It is answered when those before it have been, and never when the connection ends before. */
  begin(exchange: Exchange): void {
    this.#idling.stop(this.#idle);
    this.#exchanges.push(exchange);
    exchange.response.on("finish", () => this.#finish(exchange));
    if (this.#exchanges.length === 1) exchange.answer();
    else if (this.#exchanges.length > MAX_WAITING) this.#socket.destroy();
  }

  /** Whether nothing waits for its answer. What is left of the last one may still be on its way. */
  get isAnswered(): boolean {
    return this.#exchanges.every(({ response }) => response.writableEnded);
  }

  /**
   * Gives its socket to something else.
   *
   * @param take Called when the last answer has ended, and never when the connection ends before.
   */
  release(take: () => void): void {
    this.#idling.stop(this.#idle);
    if (this.#exchanges.length === 0) take();
    else this.#take = take;
  }

  /** Whether the connection ends with this answer. */
  endsWith(response: ServerResponse): boolean {
    return (this.#isDraining || this.#isClosing) && this.#exchanges.at(-1)?.response === response;
  }

  /**
   * Ends with the next answer that nothing waits behind and that can say so. One whose head is on its way cannot: its client may send the
   * next request at the moment it ends.
   */
  drain(): void {
    this.#isDraining = true;
  }

  /** Ends when the requests that have come are answered. */
  close(): void {
    this.#isClosing = true;
    if (this.#exchanges.length === 0) this.#socket.destroy();
  }

  /**
   * The parser has given up, or the time for a head is over. The client is told, unless that could be taken for the answer to something else.
   *
   * @param refusal Makes the answer.
   */
  giveUp(refusal: () => RelayResponse): void {
    const last = this.#exchanges.at(-1);
    if (!this.#socket.writable || this.#socket.bytesRead === 0) {
      this.#socket.destroy();
    } else if (last === undefined) {
      writeRefusal(this.#socket, refusal());
    } else if (last.response.req.complete) {
      this.close();
    } else if (last.response.headersSent || this.#exchanges.length > 1) {
      this.#socket.destroy();
    } else {
      last.request?.leave();
      writeRefusal(this.#socket, refusal());
    }
  }

  #finish({ response, request }: Exchange): void {
    request?.body?.breakOff("the answer has ended");
    if (response.req.complete) this.#goOn();
    else this.#linger(response.req);
  }

  #goOn(): void {
    this.#exchanges.shift();
    // After the last answer `node:http` has ended the socket already: nothing that came behind it is served.
    if (!this.#socket.writable) return this.#end();
    const [next] = this.#exchanges;
    if (next !== undefined) next.answer();
    else if (this.#take !== undefined) this.#take();
    else if (this.#isClosing) this.#end();
    else this.#waitForNext();
  }

  #waitForNext(): void {
    this.#bytesRead = this.#socket.bytesRead;
    this.#idling.start(this.#idle);
  }

  /** What is left of an upload has nowhere to go, but a client that is still sending must be able to read its answer. */
  #linger(message: IncomingMessage): void {
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    const stop = () => clearTimeout(timer);
    this.#socket.on("close", stop);
    message.on("end", () => {
      stop();
      this.#socket.off("close", stop);
      this.#goOn();
    });
    message.resume();
  }
}
