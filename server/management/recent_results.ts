/**
 * Results that are asked for again and again, and cost much.
 *
 * @module
 */

/** Whatever took long is kept longer: finding it anew takes no more than this part of the time. */
const LARGEST_SHARE = 1 / 20;
const MOST_RESULTS = 100;

/** What {@link RecentResults} works with. */
export interface RecentResultsOptions {
  /** How long a result is good at least, in milliseconds. */
  readonly maxAgeMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

interface Result<Found> {
  readonly found: Promise<Found>;
  /** Infinite while it is being found. */
  goodUntil: number;
}

/** Keeps results for some time. Whoever asks for what is being found already waits for that. */
export class RecentResults<Found> {
  readonly #options: RecentResultsOptions;
  readonly #results = new Map<string, Result<Found>>();

  constructor(options: RecentResultsOptions) {
    this.#options = options;
  }

  /**
   * Gives what is known of late, or else finds it.
   *
   * @throws Whatever `find` throws. Failures are not kept.
   */
  async get(key: string, find: () => Promise<Found>): Promise<Found> {
    const { now } = this.#options;
    const known = this.#results.get(key);
    if (known !== undefined && now() < known.goodUntil) return await known.found;
    const startedAt = now();
    const result: Result<Found> = { found: find(), goodUntil: Infinity };
    this.#keep(key, result);
    try {
      const found = await result.found;
      const endedAt = now();
      result.goodUntil = endedAt + Math.max(this.#options.maxAgeMs, (endedAt - startedAt) / LARGEST_SHARE);
      return found;
    } catch (error) {
      if (this.#results.get(key) === result) this.#results.delete(key);
      throw error;
    }
  }

  #keep(key: string, result: Result<Found>): void {
    this.#results.delete(key);
    this.#results.set(key, result);
    const [oldest] = this.#results.keys();
    if (this.#results.size > MOST_RESULTS && oldest !== undefined) this.#results.delete(oldest);
  }
}
