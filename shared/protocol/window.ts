/**
 * Receive windows: how much a peer may send ahead of what was passed on, and how that grows (protocol §5).
 *
 * @module
 */

/** What every body may send without asking, in bytes. */
export const FIRST_WINDOW_BYTES = 64 * 1024;
/** A window at the start, in bytes, when the budget allows. */
export const START_WINDOW_BYTES = 256 * 1024;
/** The largest window, in bytes. */
export const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
/** What all windows of one connection and direction may take together, besides the first 64 KiB each. */
export const WINDOW_BUDGET_BYTES = 32 * 1024 * 1024;
/** A window of which half was used up within this many round trips is too small for its link. */
const GROWTH_ROUND_TRIPS = 1.5;

/** The memory that the windows of one connection and direction share. */
export class WindowBudget {
  #freeBytes: number;

  constructor(totalBytes: number = WINDOW_BUDGET_BYTES) {
    this.#freeBytes = totalBytes;
  }

  /** What is left, in bytes. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Takes up to `bytes`; returns how many it took. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.#freeBytes);
    this.#freeBytes -= taken;
    return taken;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

/** What a window needs to know of its connection. */
export interface WindowClock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** The connection's round trip in milliseconds; `undefined` before the first measurement. */
  readonly roundTripMs: number | undefined;
}

/** One body's window. */
export class ReceiveWindow {
  readonly #budget: WindowBudget;
  readonly #clock: WindowClock;
  #sizeBytes: number;
  /** What the peer may still send. */
  #creditBytes: number;
  /** Passed on, and not yet credited again. */
  #passedBytes = 0;
  #epochMs: number;
  #isReleased = false;

  /** Takes a window of 256 KiB from the budget, or what is left of it above the first 64 KiB. */
  constructor(budget: WindowBudget, clock: WindowClock) {
    this.#budget = budget;
    this.#clock = clock;
    this.#sizeBytes = FIRST_WINDOW_BYTES + budget.take(START_WINDOW_BYTES - FIRST_WINDOW_BYTES);
    this.#creditBytes = this.#sizeBytes;
    this.#epochMs = clock.now();
  }

  /** The window's present size in bytes. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Counts bytes that arrived. Returns false when the peer had no credit for them. */
  accept(bytes: number): boolean {
    this.#creditBytes -= bytes;
    return this.#creditBytes >= 0;
  }

  /** Counts bytes that were passed on. Returns the credit to give the peer now, often 0. */
  pass(bytes: number): number {
    this.#passedBytes += bytes;
    if (this.#isReleased || this.#passedBytes * 2 < this.#sizeBytes) return 0;
    const now = this.#clock.now();
    const roundTripMs = this.#clock.roundTripMs;
    const isTooSmall = roundTripMs !== undefined && now - this.#epochMs < roundTripMs * GROWTH_ROUND_TRIPS;
    const growth = isTooSmall ? this.#budget.take(Math.min(this.#sizeBytes, MAX_WINDOW_BYTES - this.#sizeBytes)) : 0;
    const credit = this.#passedBytes + growth;
    this.#sizeBytes += growth;
    this.#creditBytes += credit;
    this.#passedBytes = 0;
    this.#epochMs = now;
    return credit;
  }

  /** Gives the memory back to the budget. Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#budget.give(this.#sizeBytes - FIRST_WINDOW_BYTES);
  }
}
