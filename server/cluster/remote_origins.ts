/**
 * The other origins as dispatch sees them: where a tenant is connected, and the requests that wait there.
 *
 * @module
 */

import type { Connection } from "../dispatch/connections.ts";
import type { PullResult, RemoteConnections } from "../dispatch/remote_connections.ts";
import type { AnnouncedConnections } from "./announcer.ts";
import type { Links } from "./links.ts";
import type { PulledLetter, PullLetter } from "./mail.ts";
import type { Presence } from "./presence.ts";
import { Questions } from "./questions.ts";
import type { Reachability } from "./reachability.ts";
import { RemoteConnection } from "./remote_connection.ts";

/** How long an origin may take to answer a pull, in milliseconds. */
const PULL_TIMEOUT_MS = 5_000;

/** What {@link RemoteOrigins} work with. */
export interface RemoteOriginsParts {
  /** Those at this origin. */
  readonly connections: AnnouncedConnections;
  readonly presence: Presence;
  readonly links: Links;
  readonly reachability: Reachability;
}

/** How {@link RemoteOrigins} are set up. */
export interface RemoteOriginsOptions {
  /** UUID of this origin. */
  readonly originId: string;
  /** Whether requests for connections at this origin go by the server transport as well. */
  readonly includesItself: boolean;
  /** Sends a letter to an origin. */
  readonly send: (originId: string, letter: PullLetter) => void;
}

/** Finds the way to connections elsewhere, and asks for requests that wait elsewhere. */
export class RemoteOrigins implements RemoteConnections, Disposable {
  readonly #parts: RemoteOriginsParts;
  readonly #options: RemoteOriginsOptions;
  readonly #pulls = new Questions<PullResult>();
  readonly #listeners = new Set<(tenantId: string) => void>();
  #turn = 0;

  constructor(parts: RemoteOriginsParts, options: RemoteOriginsOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Requests that were asked for, and neither came nor are known to be gone. */
  get pulling(): number {
    return this.#pulls.size;
  }

  pick(tenantId: string): Connection | undefined {
    const { connections, presence, links, reachability } = this.#parts;
    if (!reachability.isReachable) return undefined;
    const candidates = [...presence.of(tenantId)];
    const { includesItself, originId } = this.#options;
    const own = includesItself ? connections.count(tenantId) : 0;
    if (own > 0) candidates.push([originId, own]);
    let best: string | undefined;
    let leastLoad = Infinity;
    // Among equals the first found wins, so the search starts somewhere else each time.
    const start = this.#turn++;
    for (let index = 0; index < candidates.length; index++) {
      const [candidateId, count] = candidates[(start + index) % candidates.length]!;
      const load = links.inFlightTo(candidateId) / count;
      if (load >= leastLoad) continue;
      best = candidateId;
      leastLoad = load;
    }
    return best === undefined ? undefined : this.through(best, tenantId);
  }

  isConnected(tenantId: string): boolean {
    for (const _ of this.#parts.presence.of(tenantId)) return true;
    return false;
  }

  wasConnectedRecently(tenantId: string): boolean {
    const { presence, reachability } = this.#parts;
    return !reachability.isSettled || presence.wasConnectedRecently(tenantId);
  }

  get isReachable(): boolean {
    return this.#parts.reachability.isReachable;
  }

  through(originId: string, tenantId: string): Connection {
    return new RemoteConnection(originId, tenantId, this.#parts.links.to(originId));
  }

  pull(originId: string, tenantId: string, requestId: string): Promise<PullResult> {
    return this.#pulls.ask(requestId, {
      timeoutMs: PULL_TIMEOUT_MS,
      originId,
      send: () => this.#options.send(originId, { type: "pull", originId: this.#options.originId, tenantId, requestId }),
      // Who holds a request and does not say anything is gone, or will put it into the queue again.
      late: ({ resolve, reject }) => {
        if (!this.#parts.presence.knows(originId)) resolve("gone");
        else reject(new Error("Cannot pull request: its origin does not answer"));
      },
    });
  }

  onChange(listener: (tenantId: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  onReachable(listener: () => void): Disposable {
    return this.#parts.reachability.onChange(listener);
  }

  /** A tenant has a connection at another origin, or none any more, or fewer. */
  changed(tenantId: string): void {
    for (const listener of this.#listeners) listener(tenantId);
  }

  /** An origin says what became of a request that it was asked for. */
  pulled({ requestId, result }: PulledLetter): void {
    this.#pulls.answered(requestId, result);
  }

  /**
   * What an origin was asked for will not come: until that is known, room is kept for it here that others wait for. Its tickets may be forgotten: an
   * origin that was silent and lives finds the questions in its mail and sends the requests then, or has lost its mail and publishes its tickets again.
   */
  gone(originId: string): void {
    this.#pulls.gone(originId, "gone");
  }

  /** Mail that was under way is lost: nobody knows what became of what was asked for. */
  lost(): void {
    this.#pulls.fail(new Error("Cannot pull request: the way to its origin was lost"));
  }

  [Symbol.dispose](): void {
    this.#pulls[Symbol.dispose]();
  }
}
