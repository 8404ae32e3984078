/**
 * Finds what nobody looks after any more: requests of origins that died, requests that have waited too long, requests that were forgotten here, and
 * deliveries here of what was settled elsewhere.
 *
 * @module
 */

import { getLogger } from "../../shared/log/logger.ts";
import { sleep } from "../../shared/time/sleep.ts";
import type { LeaseRepository, StoredRequestRepository, StoredTotals } from "../persistence/mod.ts";

const logger = getLogger("queue");

/** One lease of this name for each origin that lives, behind it the origin's id. */
const ALIVE_LEASE = "queue:";
/** Who sweeps. */
const SWEEP_LEASE = "queue";

/** What a {@link Sweeper} works with. */
export interface SweeperParts {
  readonly requests: StoredRequestRepository;
  readonly leases: LeaseRepository;
  /** The origins that are known to live. */
  readonly peers: () => Iterable<string>;
  /** Whether this origin knows that it holds a request. */
  readonly isHeld: (requestId: string) => boolean;
  /** The requests that this origin delivers. */
  readonly running: () => Iterable<string>;
  /** The row of a request that this origin delivers is gone, or somebody else's. */
  readonly missing: (requestId: string) => void;
  /** Something of a tenant is due. */
  readonly wake: (tenantId: string) => void;
  /** Called now and then. */
  readonly swept: () => void;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** How a {@link Sweeper} works. */
export interface SweeperOptions {
  /** UUID of this origin. */
  readonly originId: string;
  /** An origin that has not been heard of for twice as long is dead, in milliseconds. */
  readonly keepAliveIntervalMs: number;
}

/** Sweeps three times in a keep-alive interval. */
export class Sweeper {
  readonly #parts: SweeperParts;
  readonly #options: SweeperOptions;
  readonly #stopping = new AbortController();
  /** Held by this origin, but not known to it, the last time it looked. */
  #suspects: ReadonlySet<string> = new Set();
  #totals: StoredTotals = { queued: 0, dead: 0, oldestAt: undefined };
  /** Until when the others take this origin for alive, and until when they did not last, by `performance.now`. */
  #aliveUntilMs = Infinity;
  #lapsedUntilMs = -Infinity;
  #running: Promise<void> | undefined;

  constructor(parts: SweeperParts, options: SweeperOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** What all tenants had stored a moment ago. */
  get totals(): StoredTotals {
    return this.#totals;
  }

  /** Whether others may have taken what this origin has held since then, by `performance.now`: for a while it did not say that it lives. */
  mayHaveLost(sinceMs: number): boolean {
    return performance.now() > this.#aliveUntilMs || sinceMs < this.#lapsedUntilMs;
  }

  /** Begins. Resolves when this origin is known to live, or the database is away. */
  async start(): Promise<void> {
    await this.sweep();
    this.#running ??= this.#sweepAgainAndAgain();
  }

  /** Ends. What this origin still holds is free for others at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    const { originId } = this.#options;
    try {
      await this.#parts.leases.release(ALIVE_LEASE + originId, originId);
      await this.#parts.leases.release(SWEEP_LEASE, originId);
    } catch (error) {
      // They end by themselves.
      logger.debug("Cannot give leases of the queue back: {error}", { error });
    }
  }

  /** Sweeps once. Never rejects. What one step fails with keeps no other from being done: the next sweep may meet the same failure. */
  async sweep(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of [() => this.#recoverOthers(), () => this.#compareHeld(), () => this.#wakeDue()]) {
      await step().catch((error) => failures.push(error));
    }
    const [error] = failures;
    if (error !== undefined) logger.warn("Cannot look after stored requests, it is tried again: {error}", { error });
    this.#parts.swept();
  }

  /** Says that this origin lives. At one of them at a time: what origins that died held, and what waited too long. */
  async #recoverOthers(): Promise<void> {
    const { requests, leases, peers, now } = this.#parts;
    const { originId, keepAliveIntervalMs } = this.#options;
    const durationMs = 2 * keepAliveIntervalMs;
    const startMs = performance.now();
    await leases.acquire(ALIVE_LEASE + originId, { holder: originId, durationMs });
    if (performance.now() > this.#aliveUntilMs) this.#lapsedUntilMs = performance.now();
    this.#aliveUntilMs = startMs + durationMs;
    if (!await leases.acquire(SWEEP_LEASE, { holder: originId, durationMs })) return;
    const alive = [originId, ...peers()];
    const recovered = await requests.recover({ alive, leasePrefix: ALIVE_LEASE, nowMs: now() });
    if (recovered > 0) logger.warn("{recovered} requests of origins that died are delivered again", { recovered });
    const expired = await requests.expire(now());
    if (expired > 0) logger.warn("{expired} stored requests became dead letters (expired)", { expired });
  }

  async #wakeDue(): Promise<void> {
    const { requests, wake, now } = this.#parts;
    this.#totals = await requests.totals();
    if (this.#totals.queued > 0) { for (const tenantId of await requests.listDueTenants(now())) wake(tenantId); }
  }

  /**
   * What this origin holds, and what it knows of that. A request may have been acknowledged or removed at another origin. A statement that met a
   * database going away may have been done: then this origin holds a request that it does not know.
   */
  async #compareHeld(): Promise<void> {
    const { requests, isHeld, running, missing, now } = this.#parts;
    const { originId: holder } = this.#options;
    const delivered = [...running()];
    const held = await requests.listHeld(holder);
    const rows = new Set(held);
    for (const id of delivered) if (!rows.has(id)) missing(id);
    const unknown = held.filter((id) => !isHeld(id));
    const suspects = this.#suspects;
    this.#suspects = new Set(unknown);
    for (const id of unknown) {
      // Seen twice: the first time it may have been on its way.
      if (suspects.has(id)) await requests.free({ id, holder, nowMs: now() });
    }
  }

  async #sweepAgainAndAgain(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(this.#options.keepAliveIntervalMs / 3, { signal });
      if (!signal.aborted) await this.sweep();
    }
  }
}
