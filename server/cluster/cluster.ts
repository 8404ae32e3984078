/**
 * This origin among the others: presence, links, and requests that wait elsewhere.
 *
 * @module
 */

import { RefusedError } from "../../shared/errors/refused_error.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayRequest } from "../../shared/http/message.ts";
import type { Delivery, IncomingRequest, TracedResponse } from "../../shared/protocol/exchange.ts";
import { getLogger } from "../../shared/log/logger.ts";
import type { Connection } from "../dispatch/connections.ts";
import type { PullResult, RemoteConnections } from "../dispatch/remote_connections.ts";
import type { MailReceiver, OriginMail } from "../transport/transport.ts";
import { type AnnouncedConnections, Announcer } from "./announcer.ts";
import { Colleagues } from "./colleagues.ts";
import { GatheredMail } from "./gathered_mail.ts";
import { Links } from "./links.ts";
import { decodeMail, encodeLetter, type Letter, type PresenceLetter, type PullLetter } from "./mail.ts";
import { type PeerFacts, Presence } from "./presence.ts";
import { Questions } from "./questions.ts";
import { RemoteConnection } from "./remote_connection.ts";

const logger = getLogger("cluster");

/** How long an origin may take to answer a pull, in milliseconds. */
const PULL_TIMEOUT_MS = 5_000;
/** A link without a word for this long is dead, in milliseconds: long before its origin counts as gone. */
const MAX_LINK_KEEP_ALIVE_MS = 5_000;
/** Within this time of meeting the others this origin has not heard of all their connections yet, in milliseconds. */
const SETTLING_MS = 1_000;

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
export class Cluster implements RemoteConnections, MailReceiver, Disposable {
  /** What management asks and tells the other origins. */
  readonly colleagues: Colleagues;
  readonly #mail: GatheredMail;
  readonly #connections: AnnouncedConnections;
  readonly #options: ClusterOptions;
  readonly #announcer: Announcer;
  readonly #presence: Presence;
  readonly #links: Links;
  readonly #pulls = new Questions<PullResult>();
  readonly #listeners = new Set<(tenantId: string) => void>();
  readonly #reachableListeners = new Set<() => void>();
  #service: ClusterService | undefined;
  #isLeaving = false;
  #isReachable = false;
  #isSettled = false;
  #turn = 0;
  #settlingTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  constructor({ mail, connections }: ClusterParts, options: ClusterOptions) {
    const { origin, databaseId, keepAliveIntervalMs } = options;
    this.#mail = new GatheredMail(mail, (originId) => this.#presence.readsBatches(originId));
    this.#connections = connections;
    this.#options = options;
    this.#announcer = new Announcer({ mail: this.#mail, connections }, {
      origin,
      databaseId,
      isSettled: () => this.#isSettled,
    });
    this.#presence = new Presence({
      timeoutMs: keepAliveIntervalMs * 2,
      now: () => performance.now(),
      changed: (tenantId) => this.#tell(tenantId),
    });
    this.#links = new Links(this.#mail, {
      originId: origin.originId,
      keepAliveIntervalMs: Math.min(keepAliveIntervalMs, MAX_LINK_KEEP_ALIVE_MS),
      serve: (request) => this.#serve(request),
    });
    this.colleagues = new Colleagues(this.#mail, {
      originId: origin.originId,
      peers: () => this.#isReachable ? this.peers.map(({ originId }) => originId) : [],
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
    const questions = this.#pulls.size + this.colleagues.size;
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
    clearTimeout(this.#settlingTimer);
    this.#isLeaving = true;
    this.#announcer[Symbol.dispose]();
    this.#links.close();
    this.#pulls[Symbol.dispose]();
    this.colleagues[Symbol.dispose]();
    this.#mail[Symbol.dispose]();
  }

  // What dispatch asks for.

  pick(tenantId: string): Connection | undefined {
    if (!this.#isReachable) return undefined;
    const candidates = [...this.#presence.of(tenantId)];
    const { includesItself, origin: { originId } } = this.#options;
    const own = includesItself ? this.#connections.count(tenantId) : 0;
    if (own > 0) candidates.push([originId, own]);
    let best: string | undefined;
    let leastLoad = Infinity;
    // Among equals the first found wins, so the search starts somewhere else each time.
    const start = this.#turn++;
    for (let index = 0; index < candidates.length; index++) {
      const [candidateId, connections] = candidates[(start + index) % candidates.length]!;
      const load = this.#links.inFlightTo(candidateId) / connections;
      if (load >= leastLoad) continue;
      best = candidateId;
      leastLoad = load;
    }
    return best === undefined ? undefined : this.through(best, tenantId);
  }

  isConnected(tenantId: string): boolean {
    for (const _ of this.#presence.of(tenantId)) return true;
    return false;
  }

  wasConnectedRecently(tenantId: string): boolean {
    return !this.#isSettled || this.#presence.wasConnectedRecently(tenantId);
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  through(originId: string, tenantId: string): Connection {
    return new RemoteConnection(originId, tenantId, this.#links.to(originId));
  }

  pull(originId: string, tenantId: string, requestId: string): Promise<PullResult> {
    const { origin } = this.#options;
    return this.#pulls.ask(requestId, {
      timeoutMs: PULL_TIMEOUT_MS,
      originId,
      send: () => this.#send(originId, { type: "pull", originId: origin.originId, tenantId, requestId }),
      // Who holds a request and does not say anything is gone, or will put it into the queue again.
      late: ({ resolve, reject }) => {
        if (!this.#presence.knows(originId)) resolve("gone");
        else reject(new Error("Cannot pull request: its origin does not answer"));
      },
    });
  }

  onChange(listener: (tenantId: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  onReachable(listener: () => void): Disposable {
    this.#reachableListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#reachableListeners.delete(listener) };
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
    const isKnown = this.#isReachable && this.#presence.list().some((peer) => peer.originId === originId);
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
    this.#mail.lost();
    this.#links.dropAll();
    this.#pulls.fail(new Error("Cannot pull request: the way to its origin was lost"));
    this.held();
  }

  held(): void {
    if (!this.#isReachable) return;
    this.#isReachable = false;
    clearTimeout(this.#settlingTimer);
    this.#tellReachable();
  }

  ready(): void {
    this.#isReachable = true;
    this.#presence.renew();
    this.#announcer.announce(true);
    this.#mail.broadcast(encodeLetter({ type: "who", originId: this.#options.origin.originId }));
    clearTimeout(this.#settlingTimer);
    this.#settlingTimer = setTimeout(() => {
      if (!this.#isSettled) logger.info("Working beside {peers} other servers", { peers: this.peers.length });
      this.#isSettled = true;
      this.#tellReachable();
    }, SETTLING_MS);
    this.#tellReachable();
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
        return this.#pulls.answered(letter.requestId, letter.result);
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
    if (!this.#isSettled || isSettled) return this.#options.foreignNeighbour(originId);
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

  /**
   * What it was asked for will not come: until that is known, room is kept for it here that others wait for. Its tickets may be forgotten: an origin
   * that was silent and lives finds the questions in its mail and sends the requests then, or has lost its mail and publishes its tickets again.
   */
  #gone(originId: string): void {
    this.#links.drop(originId);
    this.#pulls.gone(originId, "gone");
  }

  #beat(): void {
    if (!this.#isReachable) return;
    this.#announcer.announce(false);
    for (const originId of this.#presence.expire()) {
      logger.warn("Origin {originId} has not been heard of for two keep-alive intervals", { originId });
      this.#gone(originId);
    }
  }

  #tellReachable(): void {
    for (const listener of this.#reachableListeners) listener();
  }

  #tell(tenantId: string): void {
    for (const listener of this.#listeners) listener(tenantId);
  }

  #send(originId: string, letter: Letter): void {
    this.#mail.send(originId, encodeLetter(letter));
  }
}
