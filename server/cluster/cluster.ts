/**
 * This origin among the others: what it tells them, and what their mail leads to.
 *
 * @module
 */

import { RefusedError } from "../../shared/errors/refused_error.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayRequest } from "../../shared/http/message.ts";
import type { Delivery, IncomingRequest, TracedResponse } from "../../shared/protocol/exchange.ts";
import { getLogger } from "../../shared/log/logger.ts";
import type { MailReceiver, OriginMail } from "../transport/transport.ts";
import { type AnnouncedConnections, Announcer } from "./announcer.ts";
import { Colleagues } from "./colleagues.ts";
import { GatheredMail } from "./gathered_mail.ts";
import { Links } from "./links.ts";
import { decodeMail, encodeLetter, type Letter, type PresenceLetter, type PullLetter } from "./mail.ts";
import { type PeerFacts, Presence } from "./presence.ts";
import { Reachability } from "./reachability.ts";
import { RemoteOrigins } from "./remote_origins.ts";

const logger = getLogger("cluster");

/** A link without a word for this long is dead, in milliseconds: long before its origin counts as gone. */
const MAX_LINK_KEEP_ALIVE_MS = 5_000;

/** What this origin serves and offers to the others. */
export interface ClusterService {
  /** @throws {RefusedError} when there is no room. */
  serve(request: IncomingRequest): Promise<TracedResponse>;
  /** Answers what is no request for a target. */
  serveOther?(request: IncomingRequest): Promise<TracedResponse> | undefined;
  /** Whether the request was still waiting and is on its way to that origin now. */
  offer(requestId: string, originId: string): boolean;
}

/** How a {@link Cluster} is set up. */
export interface ClusterOptions {
  /** Who this origin is. */
  readonly origin: { readonly originId: string; readonly machineName: string; readonly version: string };
  /** Identifies the database. */
  readonly databaseId: string;
  readonly keepAliveIntervalMs: number;
  /** Whether requests for connections at this origin go by the server transport as well. */
  readonly includesItself: boolean;
  /** Called when this origin must not go on beside one on the same carrier that uses another database: both would lose things silently. */
  readonly foreignNeighbour: (originId: string) => void;
}

/** What a {@link Cluster} works with. */
export interface ClusterParts {
  readonly mail: OriginMail;
  readonly connections: AnnouncedConnections;
}

/** What a cluster keeps at present: none of it may grow for good. */
export interface ClusterCounts {
  readonly peers: number;
  readonly links: number;
  readonly questions: number;
}

/** This origin's part of the cluster. */
export class Cluster implements MailReceiver, Disposable {
  /** What management asks and tells the other origins. */
  readonly colleagues: Colleagues;
  /** What dispatch sees of the other origins. */
  readonly remote: RemoteOrigins;
  readonly #mail: GatheredMail;
  readonly #options: ClusterOptions;
  readonly #announcer: Announcer;
  readonly #presence: Presence;
  readonly #links: Links;
  readonly #reachability = new Reachability(() => {
    logger.info("Working beside {peers} other servers", { peers: this.peers.length });
  });
  #service: ClusterService | undefined;
  /** Whether what is sent leaves, sooner or later. */
  #hasCarrier = false;
  #isLeaving = false;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  constructor({ mail, connections }: ClusterParts, options: ClusterOptions) {
    const { origin, databaseId, keepAliveIntervalMs } = options;
    this.#mail = new GatheredMail(mail, (originId) => this.#presence.readsBatches(originId));
    this.#options = options;
    this.#announcer = new Announcer({ mail: this.#mail, connections }, {
      origin,
      databaseId,
      isSettled: () => this.#reachability.isSettled,
    });
    this.#presence = new Presence({
      timeoutMs: keepAliveIntervalMs * 2,
      now: () => performance.now(),
      changed: (tenantId) => this.remote.changed(tenantId),
    });
    this.#links = new Links(this.#mail, {
      originId: origin.originId,
      keepAliveIntervalMs: Math.min(keepAliveIntervalMs, MAX_LINK_KEEP_ALIVE_MS),
      serve: (request) => this.#serve(request),
    });
    this.remote = new RemoteOrigins({
      connections,
      presence: this.#presence,
      links: this.#links,
      reachability: this.#reachability,
    }, {
      originId: origin.originId,
      includesItself: options.includesItself,
      send: (originId, letter) => this.#send(originId, letter),
    });
    this.colleagues = new Colleagues(this.#mail, {
      originId: origin.originId,
      peers: () => this.#reachability.isReachable ? this.peers.map(({ originId }) => originId) : [],
    });
  }

  /** Starts to talk to the others. */
  start(service: ClusterService): void {
    this.#service = service;
    // A heartbeat a third of the interval apart: two may be lost before the origin counts as gone.
    this.#heartbeat = setInterval(() => this.#beat(), this.#options.keepAliveIntervalMs / 3);
    this.#mail.open(this);
  }

  /** The other origins. */
  get peers(): PeerFacts[] {
    return this.#presence.list();
  }

  /** Requests of other origins that are served here. */
  get served(): number {
    return this.#links.served;
  }

  /** What is kept at present. */
  get counts(): ClusterCounts {
    const questions = this.remote.pulling + this.colleagues.size;
    return { peers: this.peers.length, links: this.#links.size, questions };
  }

  /** Connections of a tenant at other origins. */
  countElsewhere(tenantId: string): number {
    return this.#presence.count(tenantId);
  }

  /** The others send nothing more here, but for what is pulled: as long as there are connections here, what waits elsewhere may need them. */
  drain(): void {
    this.#announcer.state = "draining";
    this.#announcer.announce(true);
  }

  /** Takes no requests of others any more; what runs finishes. */
  leave(): void {
    this.#isLeaving = true;
    this.#links.drain();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
    this.#reachability[Symbol.dispose]();
    this.#isLeaving = true;
    this.#announcer[Symbol.dispose]();
    this.#links.close();
    this.remote[Symbol.dispose]();
    this.colleagues[Symbol.dispose]();
    this.#mail[Symbol.dispose]();
  }

  /**
   * Asks another origin for something that is no request for a target.
   *
   * @returns `undefined` when that origin is not known.
   */
  ask(
    originId: string,
    request: RelayRequest,
    options: { readonly service: string; readonly tenantId: string },
  ): Delivery | undefined {
    const isKnown = this.#reachability.isReachable && this.#presence.knows(originId);
    return isKnown ? this.#links.to(originId).deliver(request, options) : undefined;
  }

  // What the mail brings.

  mail(message: Uint8Array): void {
    const mail = decodeMail(message);
    if (mail === undefined) return;
    if (mail.to === "origin") return this.#letter(mail.letter);
    if (mail.to === "several") return mail.messages.forEach((single) => this.mail(single));
    this.#links.frame(mail.to, mail.linkId, mail.frame);
  }

  undeliverable(originId: string): void {
    if (originId === this.#options.origin.originId) return;
    this.#gone(originId);
    this.#presence.forget(originId);
  }

  lost(): void {
    this.#hasCarrier = false;
    this.#mail.lost();
    this.#links.dropAll();
    this.remote.lost();
    this.#reachability.held();
  }

  held(): void {
    this.#hasCarrier = true;
    this.#reachability.held();
  }

  ready(): void {
    this.#hasCarrier = true;
    this.#presence.renew();
    this.#announcer.announce(true);
    this.#mail.broadcast(encodeLetter({ type: "who", originId: this.#options.origin.originId }));
    this.#reachability.ready();
  }

  #letter(letter: Letter): void {
    switch (letter.type) {
      case "open":
        return this.#links.accept(letter);
      case "close":
        return this.#links.closed(letter.linkId, letter.code, letter.reason);
      case "pull":
        return this.#pulled(letter);
      case "pulled":
        return this.remote.pulled(letter);
      case "presence":
        return this.#heard(letter);
      case "who":
        if (letter.originId !== this.#options.origin.originId) this.#announcer.tell(letter.originId);
        return;
      case "changed":
      case "question":
      case "answer":
        return this.colleagues.letter(letter);
    }
  }

  #pulled({ requestId, originId }: PullLetter): void {
    // Mail may still come in: the request would be lost, and its ticket is published again once there is a carrier.
    if (!this.#hasCarrier) return;
    const isSent = this.#service?.offer(requestId, originId) ?? false;
    // Behind the request, on the same way: whoever hears of it has the request already.
    this.#send(originId, { type: "pulled", requestId, result: isSent ? "sent" : "gone" });
  }

  #heard(letter: PresenceLetter): void {
    const { originId } = this.#options.origin;
    if (letter.originId === originId) return;
    if (letter.databaseId !== this.#options.databaseId) return this.#heardForeigner(letter);
    const heard = this.#presence.heard(letter);
    if (heard === "new") logger.info("Origin {originId} is here: {machineName}, version {version}", { ...letter });
    if (letter.state === "stopped") {
      logger.info("Origin {originId} has stopped", { originId: letter.originId });
      this.#gone(letter.originId);
    }
    if (heard === "incomplete") this.#send(letter.originId, { type: "who", originId });
  }

  /** Who has just come stops; of two that are both new, or both old, both do. */
  #heardForeigner({ originId, isSettled = false, state }: PresenceLetter): void {
    if (state === "stopped") return;
    if (!this.#reachability.isSettled || isSettled) return this.#options.foreignNeighbour(originId);
    logger.error("Origin {originId} on the same broker uses another database and has to stop", { originId });
    // It may have missed what was broadcast before it came.
    this.#announcer.tell(originId);
  }

  #serve(request: IncomingRequest): Promise<TracedResponse> {
    if (request.service !== undefined) return this.#serveOther(request);
    if (this.#service === undefined || this.#isLeaving) {
      throw new RefusedError("This server is about to stop");
    }
    return this.#service.serve(request);
  }

  /** It belongs to a request that is under way: also while this server drains. */
  #serveOther(request: IncomingRequest): Promise<TracedResponse> {
    const answer = this.#service?.serveOther?.(request);
    return answer ?? Promise.reject(new RelayError("not_found", "This server does not know what was asked for"));
  }

  #gone(originId: string): void {
    this.#links.drop(originId);
    this.remote.gone(originId);
  }

  #beat(): void {
    if (!this.#reachability.isReachable) return;
    this.#announcer.announce(false);
    for (const originId of this.#presence.expire()) {
      logger.warn("Origin {originId} has not been heard of for two keep-alive intervals", { originId });
      this.#gone(originId);
    }
  }

  #send(originId: string, letter: Letter): void {
    this.#mail.send(originId, encodeLetter(letter));
  }
}
