/**
 * Takes stored requests out of the database, for the tenants that are connected here, as fast as their connections have room.
 *
 * @module
 */

import { getLogger } from "../../shared/log/logger.ts";
import type { LocalConnections } from "../dispatch/connections.ts";
import type { StoredRequest } from "../persistence/mod.ts";

const logger = getLogger("queue");

/** Requests taken with one statement at most. */
const MAX_CLAIM = 64;
/** After the database has failed, in milliseconds. */
const RETRY_MS = 1_000;
/** No timer waits longer, in milliseconds. */
const LONGEST_WAIT_MS = 60_000;

/** Where the requests are. */
export interface ClaimSource {
  claim(tenantId: string, options: { readonly limit: number }): Promise<StoredRequest[]>;
  /** When the next one is due, in milliseconds since 1970; `undefined` when none waits. */
  nextAttemptAt(tenantId: string): Promise<number | undefined>;
}

/** What {@link Pumps} work with. */
export interface PumpsOptions {
  readonly connections: Pick<LocalConnections, "capacity">;
  readonly source: ClaimSource;
  /** Takes over a request that was claimed; {@linkcode Pumps.placed} follows. */
  readonly deliver: (request: StoredRequest) => void;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

interface Pump {
  /** Whether something may wait that was not asked for yet. */
  mayHaveMore: boolean;
  isClaiming: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** One pump for each tenant that is connected here. */
export class Pumps {
  readonly #options: PumpsOptions;
  readonly #pumps = new Map<string, Pump>();
  readonly #claims = new Set<Promise<void>>();
  /** Requests that were claimed and are not on a connection yet, by tenant: they will need its room. */
  readonly #unplaced = new Map<string, Set<StoredRequest>>();
  #isStopped = false;

  constructor(options: PumpsOptions) {
    this.#options = options;
  }

  /** Tenants that are connected here. */
  get tenantIds(): Iterable<string> {
    return this.#pumps.keys();
  }

  /** A tenant's room here has changed. Called for every request that ends: costs next to nothing when nothing is stored. */
  changed(tenantId: string): void {
    const pump = this.#pumps.get(tenantId);
    if (this.#isStopped || pump?.isClaiming || pump?.mayHaveMore === false && this.#isConnected(tenantId)) return;
    if (!this.#isConnected(tenantId)) return this.#remove(tenantId);
    if (pump === undefined) {
      this.#pumps.set(tenantId, { mayHaveMore: true, isClaiming: false, timer: undefined });
    }
    this.#pump(tenantId);
  }

  /** Something may wait for a tenant. */
  wake(tenantId: string): void {
    const pump = this.#pumps.get(tenantId);
    if (pump === undefined) return;
    pump.mayHaveMore = true;
    this.#pump(tenantId);
  }

  /** Something waits for a tenant from a moment on. */
  wakeAt(tenantId: string, timeMs: number): void {
    const pump = this.#pumps.get(tenantId);
    if (pump === undefined || this.#isStopped) return;
    clearTimeout(pump.timer);
    const delayMs = Math.min(Math.max(0, timeMs - this.#options.now()), LONGEST_WAIT_MS);
    pump.timer = setTimeout(() => this.wake(tenantId), delayMs);
  }

  /** A request that was claimed is on a connection, or needs none any more. Without effect for others, and the second time. */
  placed(request: StoredRequest): void {
    const { tenantId } = request;
    const unplaced = this.#unplaced.get(tenantId);
    if (!unplaced?.delete(request)) return;
    if (unplaced.size === 0) this.#unplaced.delete(tenantId);
    this.changed(tenantId);
  }

  /** Takes nothing more. Resolves when the last claim has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const tenantId of [...this.#pumps.keys()]) this.#remove(tenantId);
    await Promise.all(this.#claims);
  }

  #isConnected(tenantId: string): boolean {
    return this.#options.connections.capacity(tenantId) !== undefined;
  }

  #remove(tenantId: string): void {
    clearTimeout(this.#pumps.get(tenantId)?.timer);
    this.#pumps.delete(tenantId);
  }

  #pump(tenantId: string): void {
    const pump = this.#pumps.get(tenantId);
    if (pump === undefined || pump.isClaiming || !pump.mayHaveMore || this.#isStopped) return;
    if (this.#room(tenantId) <= 0) return;
    pump.isClaiming = true;
    const claim = this.#claim(tenantId, pump).finally(() => {
      pump.isClaiming = false;
      this.#claims.delete(claim);
      if (this.#isConnected(tenantId)) this.#pump(tenantId);
      else this.#remove(tenantId);
    });
    this.#claims.add(claim);
  }

  async #claim(tenantId: string, pump: Pump): Promise<void> {
    const { source } = this.#options;
    try {
      // More is claimed as room comes, and what comes while this one runs is claimed together.
      const limit = Math.min(this.#room(tenantId), MAX_CLAIM);
      if (limit <= 0) return;
      pump.mayHaveMore = false;
      const requests = await source.claim(tenantId, { limit });
      for (const request of requests) this.#deliver(request);
      if (requests.length === limit) pump.mayHaveMore = true;
      else if (!pump.mayHaveMore) await this.#waitForNext(tenantId);
    } catch (error) {
      logger.warn("Cannot take stored requests, it is tried again: {error}", { tenantId, error });
      this.wakeAt(tenantId, this.#options.now() + RETRY_MS);
    }
  }

  #deliver(request: StoredRequest): void {
    const { tenantId } = request;
    let unplaced = this.#unplaced.get(tenantId);
    if (unplaced === undefined) this.#unplaced.set(tenantId, unplaced = new Set());
    unplaced.add(request);
    this.#options.deliver(request);
  }

  #room(tenantId: string): number {
    return (this.#options.connections.capacity(tenantId) ?? 0) - (this.#unplaced.get(tenantId)?.size ?? 0);
  }

  async #waitForNext(tenantId: string): Promise<void> {
    const dueMs = await this.#options.source.nextAttemptAt(tenantId);
    if (dueMs !== undefined) this.wakeAt(tenantId, dueMs);
  }
}
