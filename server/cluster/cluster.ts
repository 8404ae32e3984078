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
import { Links } from "./links.ts";
import { decodeMail, encodeLetter, type Letter, type PresenceLetter, type PullLetter } from "./mail.ts";
import { type PeerFacts, Presence } from "./presence.ts";
import { RemoteConnection } from "./remote_connection.ts";

const logger = getLogger("cluster");

/** Changes of presence are told together, after this long, in milliseconds. */
const ANNOUNCE_DELAY_MS = 20;
/** How long an origin may take to answer a pull, in milliseconds. */
const PULL_TIMEOUT_MS = 5_000;
/** A link without a word for this long is dead, in milliseconds: long before its origin counts as gone. */
const MAX_LINK_KEEP_ALIVE_MS = 5_000;

/** The connections of this origin that the others are told of. */
export interface AnnouncedConnections {
  /** Open connections of a tenant. */
  count(tenantId: string): number;
  /** Tenants with open connections. */
  tenantIds(): Iterable<string>;
  onChange(listener: (tenantId: string) => void): Disposable;
}

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
  /** Called when an origin on the same carrier uses another database: both would lose things silently. */
  readonly foreignNeighbour: (originId: string) => void;
}

/** What a {@link Cluster} works with. */
export interface ClusterParts {
  readonly mail: OriginMail;
  readonly connections: AnnouncedConnections;
}

interface Pull {
  readonly settle: PromiseWithResolvers<PullResult>;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** This origin's part of the cluster. */
export class Cluster implements RemoteConnections, MailReceiver, Disposable {
  readonly #parts: ClusterParts;
  readonly #options: ClusterOptions;
  readonly #presence: Presence;
  readonly #links: Links;
  readonly #listeners = new Set<(tenantId: string) => void>();
  readonly #pulls = new Map<string, Pull>();
  readonly #changedTenants = new Set<string>();
  readonly #registration: Disposable;
  #service: ClusterService | undefined;
  #state: PresenceLetter["state"] = "ready";
  #sequence = 0;
  #turn = 0;
  #isReachable = false;
  #announceTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  constructor(parts: ClusterParts, options: ClusterOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#presence = new Presence({
      timeoutMs: options.keepAliveIntervalMs * 2,
      now: () => performance.now(),
      changed: (tenantId) => this.#tell(tenantId),
    });
    this.#links = new Links(parts.mail, {
      originId: options.origin.originId,
      keepAliveIntervalMs: Math.min(options.keepAliveIntervalMs, MAX_LINK_KEEP_ALIVE_MS),
      serve: (request) => this.#serve(request),
    });
    this.#registration = parts.connections.onChange((tenantId) => this.#connectionsChanged(tenantId));
  }

  /** Starts to talk to the others. */
  start(service: ClusterService): void {
    this.#service = service;
    // A heartbeat a third of the interval apart: two may be lost before the origin counts as gone.
    this.#heartbeat = setInterval(() => this.#beat(), this.#options.keepAliveIntervalMs / 3);
    this.#parts.mail.open(this);
  }

  /** The other origins. */
  get peers(): PeerFacts[] {
    return this.#presence.list();
  }

  /** Requests of other origins that are served here. */
  get served(): number {
    return this.#links.served;
  }

  /** The others send nothing more here; what runs finishes. */
  drain(): void {
    this.#state = "draining";
    this.#announce(true);
    this.#links.drain();
  }

  [Symbol.dispose](): void {
    this.#registration[Symbol.dispose]();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#announceTimer);
    this.#state = "stopped";
    this.#announce(true);
    this.#links.close();
    for (const { settle, timer } of this.#pulls.values()) {
      clearTimeout(timer);
      settle.reject(new Error("Cannot pull request: the server stops"));
    }
    this.#pulls.clear();
  }

  // What dispatch asks for.

  pick(tenantId: string): Connection | undefined {
    if (!this.#isReachable) return undefined;
    const candidates = [...this.#presence.of(tenantId)];
    const { includesItself, origin: { originId } } = this.#options;
    const own = includesItself ? this.#parts.connections.count(tenantId) : 0;
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

  through(originId: string, tenantId: string): Connection {
    return new RemoteConnection(originId, tenantId, this.#links.to(originId));
  }

  pull(originId: string, tenantId: string, requestId: string): Promise<PullResult> {
    const settle = Promise.withResolvers<PullResult>();
    const timer = setTimeout(() => {
      this.#pulls.delete(requestId);
      // Who holds a request and does not say anything is gone, or will put it into the queue again.
      if (this.#presence.list().some((peer) => peer.originId === originId)) {
        settle.reject(new Error("Cannot pull request: its origin does not answer"));
      } else settle.resolve("gone");
    }, PULL_TIMEOUT_MS);
    this.#pulls.set(requestId, { settle, timer });
    const { origin } = this.#options;
    this.#send(originId, { type: "pull", originId: origin.originId, tenantId, requestId });
    return settle.promise;
  }

  onChange(listener: (tenantId: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
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
    this.#links.frame(mail.to, mail.linkId, mail.frame);
  }

  undeliverable(originId: string): void {
    if (originId === this.#options.origin.originId) return;
    this.#links.drop(originId);
    this.#presence.forget(originId);
  }

  lost(): void {
    this.#isReachable = false;
    this.#links.dropAll();
  }

  ready(): void {
    this.#isReachable = true;
    this.#announce(true);
    this.#broadcast({ type: "who", originId: this.#options.origin.originId });
  }

  #letter(letter: Letter): void {
    switch (letter.type) {
      case "open":
        return this.#links.accept(letter);
      case "close":
        return this.#links.closed(letter.linkId, letter.code, letter.reason);
      case "pull":
        return this.#pulled(letter);
      case "pulled": {
        const pull = this.#pulls.get(letter.requestId);
        if (pull === undefined) return;
        this.#pulls.delete(letter.requestId);
        clearTimeout(pull.timer);
        return pull.settle.resolve(letter.result);
      }
      case "presence":
        return this.#heard(letter);
      case "who":
        if (letter.originId !== this.#options.origin.originId) this.#send(letter.originId, this.#present(true));
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
    if (letter.databaseId !== this.#options.databaseId) return this.#options.foreignNeighbour(letter.originId);
    const heard = this.#presence.heard(letter);
    if (heard === "new") logger.info("Origin {originId} is here: {machineName}, version {version}", { ...letter });
    if (letter.state === "stopped") {
      logger.info("Origin {originId} has stopped", { originId: letter.originId });
      this.#links.drop(letter.originId);
    }
    if (heard === "incomplete") this.#send(letter.originId, { type: "who", originId });
  }

  #serve(request: IncomingRequest): Promise<TracedResponse> {
    if (request.service !== undefined) return this.#serveOther(request);
    if (this.#service === undefined || this.#state !== "ready") {
      throw new RefusedError("This server is about to stop");
    }
    return this.#service.serve(request);
  }

  /** It belongs to a request that is under way: also while this server drains. */
  #serveOther(request: IncomingRequest): Promise<TracedResponse> {
    const answer = this.#service?.serveOther?.(request);
    return answer ?? Promise.reject(new RelayError("not_found", "This server does not know what was asked for"));
  }

  // What the others are told.

  #connectionsChanged(tenantId: string): void {
    if (this.#lastTold.get(tenantId) === this.#parts.connections.count(tenantId)) return;
    this.#changedTenants.add(tenantId);
    this.#announceTimer ??= setTimeout(() => this.#announce(false), ANNOUNCE_DELAY_MS);
  }

  readonly #lastTold = new Map<string, number>();

  #announce(isComplete: boolean): void {
    clearTimeout(this.#announceTimer);
    this.#announceTimer = undefined;
    this.#sequence++;
    this.#broadcast(this.#present(isComplete));
    this.#changedTenants.clear();
  }

  #present(isComplete: boolean): PresenceLetter {
    const { connections } = this.#parts;
    const tenantIds = isComplete ? connections.tenantIds() : this.#changedTenants;
    const counts: Record<string, number> = {};
    for (const tenantId of tenantIds) {
      const count = counts[tenantId] = connections.count(tenantId);
      if (count > 0) this.#lastTold.set(tenantId, count);
      else this.#lastTold.delete(tenantId);
    }
    return {
      type: "presence",
      ...this.#options.origin,
      databaseId: this.#options.databaseId,
      state: this.#state,
      sequence: this.#sequence,
      isComplete,
      connections: counts,
    };
  }

  #beat(): void {
    if (!this.#isReachable) return;
    this.#announce(false);
    for (const originId of this.#presence.expire()) {
      logger.warn("Origin {originId} has not been heard of for two keep-alive intervals", { originId });
      this.#links.drop(originId);
    }
  }

  #tell(tenantId: string): void {
    for (const listener of this.#listeners) listener(tenantId);
  }

  #send(originId: string, letter: Letter): void {
    this.#parts.mail.send(originId, encodeLetter(letter));
  }

  #broadcast(letter: Letter): void {
    this.#parts.mail.broadcast(encodeLetter(letter));
  }
}
