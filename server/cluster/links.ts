/**
 * The links between this origin and the others: a session for the requests it sends to each of them, and one for those it gets.
 *
 * @module
 */

import type { IncomingRequest, TracedResponse } from "../../shared/protocol/exchange.ts";
import { CloseCode } from "../../shared/protocol/frame.ts";
import type { ConnectionSettings } from "../../shared/protocol/handshake_heads.ts";
import { Session } from "../../shared/protocol/session.ts";
import type { SessionHandlers } from "../../shared/protocol/session_options.ts";
import type { OriginMail } from "../transport/transport.ts";
import { withStreamedBody } from "./streamed_body.ts";
import { type LinkEnd, LinkPipe } from "./link_pipe.ts";
import { encodeLetter, HEADER_BYTES, type OpenLetter } from "./mail.ts";

/** Largest frame between origins, in bytes: a head, and a body that travels inline. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** How links are set up. */
export interface LinksOptions {
  /** UUID of this origin. */
  readonly originId: string;
  /** After so long without a word a link is dead, in milliseconds. */
  readonly keepAliveIntervalMs: number;
  /** Serves requests that come in by links. */
  readonly serve: (request: IncomingRequest) => Promise<TracedResponse>;
}

interface Link {
  readonly pipe: LinkPipe;
  readonly session: Session;
}

/** Links by their peers and ids. */
export class Links {
  readonly #mail: OriginMail;
  readonly #options: LinksOptions;
  /** Opened here, by the peer's origin id. */
  readonly #opened = new Map<string, Link>();
  /** Both ends' own links, by link id. An origin that writes to itself has two ends of the same id. */
  readonly #openers = new Map<string, Link>();
  readonly #acceptors = new Map<string, Link>();

  constructor(mail: OriginMail, options: LinksOptions) {
    this.#mail = mail;
    this.#options = options;
  }

  /** Requests that were sent to an origin and are under way. */
  inFlightTo(originId: string): number {
    return this.#opened.get(originId)?.session.inFlight ?? 0;
  }

  /** Ends of links here. */
  get size(): number {
    return this.#openers.size + this.#acceptors.size;
  }

  /** Requests of other origins that are served here. */
  get served(): number {
    return this.#acceptors.values().reduce((sum, { session }) => sum + session.inFlight, 0);
  }

  /** The session by which requests go to an origin; opens a link when there is none that takes any. */
  to(originId: string): Session {
    const known = this.#opened.get(originId);
    if (known?.session.isOpen) return known.session;
    const linkId = crypto.randomUUID().replaceAll("-", "");
    this.#mail.send(originId, encodeLetter({ type: "open", linkId, originId: this.#options.originId }));
    const link = this.#create(this.#openers, { linkId, peerId: originId, peer: "acceptor" }, {});
    this.#opened.set(originId, link);
    return link.session;
  }

  /** Another origin opened a link to this one. */
  accept({ linkId, originId }: OpenLetter): void {
    this.#create(this.#acceptors, { linkId, peerId: originId, peer: "opener" }, {
      request: async (request) => withStreamedBody(await this.#options.serve(request)),
      acknowledges: "handler",
    });
  }

  /** A frame came in for one end of a link. */
  frame(to: "acceptor" | "opener", linkId: string, frame: Uint8Array): void {
    (to === "acceptor" ? this.#acceptors : this.#openers).get(linkId)?.pipe.message(frame);
  }

  /** The other end of a link says that it is over. */
  closed(linkId: string, code: number, reason: string): void {
    for (const ends of [this.#openers, this.#acceptors]) ends.get(linkId)?.pipe.closed(code, reason);
  }

  /** An origin cannot be reached: its links are over, in both directions. */
  drop(originId: string): void {
    for (const { pipe } of this.#all()) {
      if (pipe.end.peerId === originId) pipe.closed(1006, "the origin cannot be reached");
    }
  }

  /** All links are over: what was under way may be lost. */
  dropAll(): void {
    for (const { pipe } of this.#all()) pipe.closed(1006, "the server transport was lost");
  }

  /** Takes no more requests of other origins; what runs finishes. */
  drain(): void {
    for (const { session } of this.#acceptors.values()) session.drain("draining", "now");
  }

  /** Ends all links now. */
  close(): void {
    for (const { session } of this.#all()) session.close(CloseCode.goingAway, "the server stops");
  }

  #all(): Link[] {
    return [...this.#openers.values(), ...this.#acceptors.values()];
  }

  #create(ends: Map<string, Link>, end: LinkEnd, handlers: SessionHandlers): Link {
    const pipe = new LinkPipe(this.#mail, end, () => {
      ends.delete(end.linkId);
      if (this.#opened.get(end.peerId)?.pipe === pipe) this.#opened.delete(end.peerId);
    });
    const session = new Session(pipe, {
      settings: settingsOf(this.#options.keepAliveIntervalMs),
      maxMessageBytes: MAX_MESSAGE_BYTES,
      peerMaxMessageBytes: Math.min(MAX_MESSAGE_BYTES, this.#mail.maxMessageBytes - HEADER_BYTES),
      handlers,
    });
    const link = { pipe, session };
    ends.set(end.linkId, link);
    return link;
  }
}

/** A link needs no more of a connection's settings than when it is dead. */
function settingsOf(keepAliveIntervalMs: number): ConnectionSettings {
  return { keepAliveIntervalMs, inlineBodyLimitBytes: 0, reconnectMinimumDelayMs: 0, reconnectMaximumDelayMs: 0 };
}
