/**
 * An origin with far more connections than the others asks some of their connectors to go elsewhere: slowly, and none of them again and again.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import type { ConnectorConnection } from "./connection.ts";
import type { ConnectionRegistry } from "./registry.ts";

const logger = getLogger("connectors");

/** What is above the mean by fewer connections is not worth a move. */
const LEAST_EXCESS = 10;
/** What is above the mean by less than this share of it, neither. */
const EXCESS_SHARE = 0.5;
/** Connections asked at a time: this share of those that are too many, and never more than {@linkcode MOST_AT_ONCE}. */
const STEP_SHARE = 0.1;
const MOST_AT_ONCE = 20;
/** A connector that comes back knows no other server, or was sent back: it is left alone for this long, in milliseconds. */
const PEACE_MS = 60 * 60 * 1000;

/**
 * How many connections an origin should ask to leave now. It stops above the mean, so origins never send connectors to and fro.
 *
 * @param own Connections at this origin.
 * @param others Connections at each other origin that takes new ones.
 */
export function connectionsToShed(own: number, others: readonly number[]): number {
  if (others.length === 0) return 0;
  const mean = others.reduce((sum, count) => sum + count, own) / (others.length + 1);
  const tooMany = Math.floor(own - mean - Math.max(LEAST_EXCESS, mean * EXCESS_SHARE));
  return tooMany <= 0 ? 0 : Math.min(Math.ceil(tooMany * STEP_SHARE), MOST_AT_ONCE);
}

/** What {@linkcode Shedding} works with. */
export interface SheddingParts {
  readonly registry: ConnectionRegistry;
  /** Connections at each other origin that takes new ones; none while nothing can be heard of them. */
  readonly others: () => readonly number[];
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Looks after the number of connections from time to time. Disposing it ends that. */
export class Shedding implements Disposable {
  readonly #parts: SheddingParts;
  /** When connectors were asked to leave, oldest first. */
  readonly #askedAtMs = new Map<string, number>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #asked = 0;

  constructor(parts: SheddingParts) {
    this.#parts = parts;
  }

  /** Connections asked to leave since the start. */
  get asked(): number {
    return this.#asked;
  }

  /** @param intervalMs Long enough for those that were asked to be counted elsewhere, and for the others to hear of it. */
  start(intervalMs: number): void {
    this.#timer = setInterval(() => this.step(), intervalMs);
  }

  /** Asks as many as is due now; the idlest first. */
  step(): void {
    const { registry, others, now } = this.#parts;
    const open = registry.list().filter(({ isOpen }) => isOpen).toArray();
    const count = connectionsToShed(open.length, others());
    if (count === 0) return;
    this.#forget(now() - PEACE_MS);
    let asked = 0;
    for (const connection of open.sort((one, other) => one.inFlight - other.inFlight)) {
      if (asked === count) break;
      const key = keyOf(connection);
      if (this.#askedAtMs.has(key)) continue;
      this.#askedAtMs.set(key, now());
      connection.drain("draining", "now");
      registry.changed(connection.facts.tenantId);
      asked++;
    }
    this.#asked += asked;
    if (asked > 0) {
      logger.info("Asked {asked} of {connections} connections to go to other servers, which have far fewer", {
        asked,
        connections: open.length,
      });
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #forget(beforeMs: number): void {
    for (const [key, askedAtMs] of this.#askedAtMs) {
      if (askedAtMs > beforeMs) return;
      this.#askedAtMs.delete(key);
    }
  }
}

/** The same when a connector comes back. */
function keyOf({ facts: { tenantId, connector } }: ConnectorConnection): string {
  return `${tenantId} ${connector.machineName}`;
}
