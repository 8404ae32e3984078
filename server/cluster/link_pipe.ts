/**
 * One direction of requests between two origins, as a pipe that a session can be put on.
 *
 * @module
 */

import type { MessagePipe, PipeReceiver } from "../../shared/protocol/pipe.ts";
import type { OriginMail } from "../transport/transport.ts";
import { encodeLetter, encodeLinkFrame } from "./mail.ts";

/** Where a pipe leads. */
export interface LinkEnd {
  /** 32 hexadecimal digits. */
  readonly linkId: string;
  readonly peerId: string;
  /** Which end the peer is. */
  readonly peer: "acceptor" | "opener";
}

/** An end of a link. The mail below it keeps the order and loses everything at once, or nothing. */
export class LinkPipe implements MessagePipe {
  readonly end: LinkEnd;
  readonly #mail: OriginMail;
  readonly #ended: () => void;
  #receiver: PipeReceiver | undefined;
  #isClosed = false;

  /** @param ended Called once when the pipe is over, whoever ended it. */
  constructor(mail: OriginMail, end: LinkEnd, ended: () => void) {
    this.#mail = mail;
    this.end = end;
    this.#ended = ended;
  }

  get bufferedAmount(): number {
    return this.#mail.bufferedAmount;
  }

  open(receiver: PipeReceiver): void {
    this.#receiver = receiver;
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    const { linkId, peerId, peer } = this.end;
    if (!this.#isClosed) this.#mail.send(peerId, encodeLinkFrame(peer, linkId, message));
  }

  close(code: number, reason: string): void {
    if (this.#isClosed) return;
    const { linkId, peerId } = this.end;
    this.#mail.send(peerId, encodeLetter({ type: "close", linkId, code, reason }));
    this.closed(code, reason);
  }

  terminate(): void {
    this.close(1006, "");
  }

  /** A frame came from the peer. */
  message(frame: Uint8Array): void {
    if (!this.#isClosed) this.#receiver?.message(frame);
  }

  /** The link is over: the peer said so, or cannot be reached any more. */
  closed(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ended();
    queueMicrotask(() => this.#receiver?.closed(code, reason));
  }
}
