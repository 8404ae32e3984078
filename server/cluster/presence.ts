/**
 * Who is connected at the other origins, as far as they have said.
 *
 * @module
 */

import type { PresenceLetter } from "./mail.ts";

/** Another origin. */
export interface PeerFacts {
  /** UUID. */
  readonly originId: string;
  readonly machineName: string;
  readonly version: string;
  readonly state: PresenceLetter["state"];
  /** Connections of all tenants there. */
  readonly connections: number;
}

interface Peer {
  letter: PresenceLetter;
  heardAtMs: number;
  readonly connections: Map<string, number>;
}

/** A tenant that was connected elsewhere counts as connected recently for this long, in milliseconds. */
const RECENT_MS = 60_000;

/** What {@link Presence} works with. */
export interface PresenceOptions {
  /** An origin that says nothing for so long is gone, in milliseconds. */
  readonly timeoutMs: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** A tenant has a connection at another origin, or none any more, or fewer. */
  readonly changed: (tenantId: string) => void;
}

/** What a letter brought. `incomplete`: an earlier one was missed, the sender has to be asked. */
export type Heard = "known" | "new" | "incomplete";

/** Remembers the other origins' connections. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #peers = new Map<string, Peer>();
  /** When a tenant's connections at some other origin ended; oldest first. */
  readonly #lostAtMs = new Map<string, number>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** The other origins. */
  list(): PeerFacts[] {
    return [...this.#peers.values()].map(({ letter, connections }) => ({
      originId: letter.originId,
      machineName: letter.machineName,
      version: letter.version,
      state: letter.state,
      connections: connections.values().reduce((sum, count) => sum + count, 0),
    }));
  }

  /** The origins where the tenant can be reached, with how many connections it has there. */
  *of(tenantId: string): Iterable<readonly [originId: string, connections: number]> {
    for (const [originId, { letter, connections }] of this.#peers) {
      const count = connections.get(tenantId);
      if (count !== undefined && letter.state === "ready") yield [originId, count];
    }
  }

  /** Whether that origin is here, as far as is known. */
  knows(originId: string): boolean {
    return this.#peers.has(originId);
  }

  /** Whether that origin reads batches of mail. */
  readsBatches(originId: string): boolean {
    return this.#peers.get(originId)?.letter.readsBatches === true;
  }

  /** Connections of a tenant at all other origins. */
  count(tenantId: string): number {
    return this.#peers.values().reduce((sum, { connections }) => sum + (connections.get(tenantId) ?? 0), 0);
  }

  /** Whether the tenant has been connected at another origin within the last minute. */
  wasConnectedRecently(tenantId: string): boolean {
    for (const { connections } of this.#peers.values()) if (connections.has(tenantId)) return true;
    const lostAtMs = this.#lostAtMs.get(tenantId);
    return lostAtMs !== undefined && this.#options.now() - lostAtMs < RECENT_MS;
  }

  /** Nothing could be heard for a while: everybody gets the whole time once more. */
  renew(): void {
    for (const peer of this.#peers.values()) peer.heardAtMs = this.#options.now();
  }

  /** Takes a letter in. */
  heard(letter: PresenceLetter): Heard {
    const { originId, isComplete, sequence } = letter;
    const known = this.#peers.get(originId);
    if (letter.state === "stopped") {
      this.forget(originId);
      return "known";
    }
    const hasMissed = known === undefined || known.letter.sequence + 1 !== sequence;
    const peer = known ?? { letter, heardAtMs: 0, connections: new Map() };
    const changed = this.#apply(peer, letter);
    this.#peers.set(originId, peer);
    for (const tenantId of changed) this.#options.changed(tenantId);
    if (known === undefined) return isComplete ? "new" : "incomplete";
    return hasMissed && !isComplete ? "incomplete" : "known";
  }

  /** An origin is gone. */
  forget(originId: string): void {
    const peer = this.#peers.get(originId);
    if (!this.#peers.delete(originId) || peer === undefined) return;
    for (const tenantId of peer.connections.keys()) {
      this.#lost(tenantId);
      this.#options.changed(tenantId);
    }
  }

  /** Forgets the origins that have not been heard of for too long; returns their ids. */
  expire(): string[] {
    const oldestMs = this.#options.now() - this.#options.timeoutMs;
    const silent = [...this.#peers].filter(([, { heardAtMs }]) => heardAtMs < oldestMs).map(([originId]) => originId);
    for (const originId of silent) this.forget(originId);
    return silent;
  }

  /** Applies a letter; returns the tenants whose connections are others than before. */
  #apply(peer: Peer, letter: PresenceLetter): Set<string> {
    const changed = new Set<string>();
    // Connections of an origin that drains count no more.
    if (peer.letter.state !== letter.state) { for (const tenantId of peer.connections.keys()) changed.add(tenantId); }
    peer.letter = { ...letter, connections: {} };
    peer.heardAtMs = this.#options.now();
    const { connections, isComplete } = letter;
    if (isComplete) {
      for (const tenantId of peer.connections.keys()) {
        if (connections[tenantId] !== undefined) continue;
        peer.connections.delete(tenantId);
        this.#lost(tenantId);
        changed.add(tenantId);
      }
    }
    for (const [tenantId, count] of Object.entries(connections)) {
      if (peer.connections.get(tenantId) === count) continue;
      if (count > 0) peer.connections.set(tenantId, count);
      else if (peer.connections.delete(tenantId)) this.#lost(tenantId);
      changed.add(tenantId);
    }
    return changed;
  }

  #lost(tenantId: string): void {
    const now = this.#options.now();
    // Anew, so that the oldest stands first.
    this.#lostAtMs.delete(tenantId);
    this.#lostAtMs.set(tenantId, now);
    for (const [oldestId, lostAtMs] of this.#lostAtMs) {
      if (now - lostAtMs < RECENT_MS) return;
      this.#lostAtMs.delete(oldestId);
    }
  }
}
