/**
 * Requests a second: tokens that come at a rate and are kept up to a number.
 *
 * @module
 */

/** What may pass. */
export interface Rate {
  readonly perSecond: number;
  /** How many may come at once after a pause. */
  readonly burst: number;
}

/** Buckets at most; whoever comes beyond them shares one. */
const MAX_BUCKETS = 4_096;
/** Full buckets are looked for this often at most, since that looks at all of them. */
const SWEEP_INTERVAL_MS = 1_000;

/** One participant's tokens. */
class TokenBucket {
  #tokens: number;
  #updatedAtMs: number;

  constructor(tokens: number, nowMs: number) {
    this.#tokens = tokens;
    this.#updatedAtMs = nowMs;
  }

  /** Takes a token; gives the milliseconds until there is one, 0 when it got it. */
  take(rate: Rate, nowMs: number): number {
    this.#refill(rate, nowMs);
    if (this.#tokens < 1) return (1 - this.#tokens) / rate.perSecond * 1_000;
    this.#tokens--;
    return 0;
  }

  /** Whether it says no more than a new one. */
  isFull(rate: Rate, nowMs: number): boolean {
    this.#refill(rate, nowMs);
    return this.#tokens === rate.burst;
  }

  #refill({ perSecond, burst }: Rate, nowMs: number): void {
    this.#tokens = Math.min(burst, this.#tokens + (nowMs - this.#updatedAtMs) / 1_000 * perSecond);
    this.#updatedAtMs = nowMs;
  }
}

/** The same rate for each of many participants, in bounded memory. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #maxBuckets: number;
  readonly #buckets = new Map<string | number, TokenBucket>();
  #shared: TokenBucket | undefined;
  #sweptAtMs = -Infinity;

  /** @param options `now` in milliseconds, monotonic; `maxBuckets` is 4,096 unless given. */
  constructor(rate: Rate, options: { readonly now: () => number; readonly maxBuckets?: number }) {
    this.#rate = rate;
    this.#now = options.now;
    this.#maxBuckets = options.maxBuckets ?? MAX_BUCKETS;
  }

  /** Participants that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Counts a request.
   *
   * @returns 0 when it may pass, else how long to wait in milliseconds.
   */
  take(key: string | number): number {
    const nowMs = this.#now();
    return (this.#buckets.get(key) ?? this.#add(key, nowMs)).take(this.#rate, nowMs);
  }

  #add(key: string | number, nowMs: number): TokenBucket {
    if (this.#buckets.size >= this.#maxBuckets) this.#sweep(nowMs);
    if (this.#buckets.size >= this.#maxBuckets) return this.#shared ??= new TokenBucket(this.#rate.burst, nowMs);
    const bucket = new TokenBucket(this.#rate.burst, nowMs);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < SWEEP_INTERVAL_MS) return;
    this.#sweptAtMs = nowMs;
    for (const [key, bucket] of this.#buckets) {
      if (bucket.isFull(this.#rate, nowMs)) this.#buckets.delete(key);
    }
  }
}
