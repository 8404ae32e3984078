/**
 * Counts what is given up, and says so in the log without filling it.
 *
 * @module
 */

/** How often a line may be written, in milliseconds. */
const INTERVAL_MS = 60_000;

/** Counts drops. The first is told at once, what follows once a minute. Disposing tells what is left. */
export class DropLog implements Disposable {
  readonly #tell: (count: number, reason: string) => void;
  readonly #intervalMs: number;
  #total = 0;
  #untold = 0;
  #reason = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param tell Writes a line about so many drops; the reason is that of the last one. */
  constructor(tell: (count: number, reason: string) => void, { intervalMs = INTERVAL_MS } = {}) {
    this.#tell = tell;
    this.#intervalMs = intervalMs;
  }

  /** Drops since the start. */
  get total(): number {
    return this.#total;
  }

  /** Notes drops. */
  add(count: number, reason: string): void {
    this.#total += count;
    this.#untold += count;
    this.#reason = reason;
    if (this.#timer === undefined) this.#tellNow();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#untold > 0) this.#tell(this.#untold, this.#reason);
    this.#untold = 0;
  }

  #tellNow(): void {
    this.#tell(this.#untold, this.#reason);
    this.#untold = 0;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#untold > 0) this.#tellNow();
    }, this.#intervalMs);
  }
}
