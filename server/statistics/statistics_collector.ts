/**
 * Sums relayed requests up by minute, tenant and target, and adds the sums to the database.
 *
 * @module
 */

import { DropLog } from "../../shared/log/drop_log.ts";
import { getLogger } from "../../shared/log/mod.ts";
import { sleep } from "../../shared/time/sleep.ts";
import type { StatisticsEntry } from "../persistence/mod.ts";
import type { RelayedRequest, RelayObserver } from "../relay/observer.ts";
import { MinuteTotals } from "./minute_totals.ts";
import { WRITE_PATIENCE_MS, writePatiently } from "./patient_write.ts";

const logger = getLogger("statistics");

const MINUTE_MS = 60_000;
/** One statement of the repository. */
const BATCH_ENTRIES = 128;
/** Entries kept while the store does not take them: an hour of 1,000 busy targets. */
const MAX_PENDING_ENTRIES = 60_000;

/** Where the sums go. */
export interface StatisticsStore {
  /** Adds to what is there, all or nothing. */
  add(entries: readonly StatisticsEntry[]): Promise<void>;
}

/** What a {@link StatisticsCollector} works with. */
export interface StatisticsCollectorOptions {
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** How long entries are tried again while the database is away, in milliseconds. */
  readonly patienceMs?: number;
  /** Entries kept while the store does not take them; what comes beyond is dropped. */
  readonly maxPendingEntries?: number;
}

/**
 * Counts requests in the minute in which they end. A minute is written when it is over; several origins add to the same rows.
 *
 * What is written again because its fate was not known may count twice: a lost connection to the database makes a minute too large, never wrong
 * by more than one batch.
 */
export class StatisticsCollector implements RelayObserver {
  readonly #store: StatisticsStore;
  readonly #now: () => number;
  readonly #patienceMs: number;
  readonly #maxPendingEntries: number;
  readonly #drops = new DropLog((count, reason) =>
    logger.warn("{count} minutes of targets are missing from the statistics: {reason}", { count, reason })
  );
  #minute: MinuteTotals | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pending: StatisticsEntry[] = [];
  #writing: Promise<void> | undefined;
  #isClosed = false;
  readonly #givingUp = new AbortController();

  constructor(store: StatisticsStore, options: StatisticsCollectorOptions) {
    this.#store = store;
    this.#now = options.now;
    this.#patienceMs = options.patienceMs ?? WRITE_PATIENCE_MS;
    this.#maxPendingEntries = options.maxPendingEntries ?? MAX_PENDING_ENTRIES;
  }

  /** Entries given up since the start. */
  get dropped(): number {
    return this.#drops.total;
  }

  requestEnded(request: RelayedRequest): void {
    if (request.tenantId === undefined || this.#isClosed) return;
    this.#minute ??= this.#begin();
    this.#minute.add(request.tenantId, request);
  }

  /** Hands the present minute over to be written. Called by its own timer at the end of each minute. */
  endMinute(): void {
    clearTimeout(this.#timer);
    const entries = this.#minute?.entries() ?? [];
    this.#minute = undefined;
    const room = this.#maxPendingEntries - this.#pending.length;
    if (entries.length > room) this.#drops.add(entries.length - room, "the database is too slow, or away");
    for (const entry of entries.slice(0, Math.max(0, room))) this.#pending.push(entry);
    if (this.#pending.length > 0) this.#writing ??= this.#writeAll();
  }

  /**
   * Takes no more, and writes what is left.
   *
   * @param timeoutMs How long that may take; what is not written by then is dropped.
   */
  async close({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    this.#isClosed = true;
    this.endMinute();
    const over = new AbortController();
    await Promise.race([this.#writing, sleep(timeoutMs, { signal: over.signal })]);
    over.abort();
    this.#givingUp.abort();
    if (this.#pending.length > 0) this.#drops.add(this.#pending.length, "the server stopped before they were written");
    this.#pending = [];
    this.#drops[Symbol.dispose]();
  }

  #begin(): MinuteTotals {
    const now = this.#now();
    const start = now - now % MINUTE_MS;
    this.#timer = setTimeout(() => this.endMinute(), start + MINUTE_MS - now);
    return new MinuteTotals(start);
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0 && !this.#givingUp.signal.aborted) {
      const batch = this.#pending.slice(0, BATCH_ENTRIES);
      const isWritten = await writePatiently(() => this.#store.add(batch), {
        what: "the statistics",
        patienceMs: this.#patienceMs,
        signal: this.#givingUp.signal,
      });
      if (this.#givingUp.signal.aborted) break;
      this.#pending.splice(0, batch.length);
      if (!isWritten) this.#drops.add(batch.length, "the database did not take them");
      // SQLite writes while it is called: requests get their turn between two batches.
      await sleep(0);
    }
    this.#writing = undefined;
  }
}
