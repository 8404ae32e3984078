/**
 * Whether the other origins can be reached, and whether all of them have been heard of by now.
 *
 * @module
 */

/** Within this time of meeting the others this origin has not heard of all their connections yet, in milliseconds. */
const SETTLING_MS = 1_000;

/** Follows the carrier of the mail. */
export class Reachability implements Disposable {
  readonly #settled: () => void;
  readonly #listeners = new Set<() => void>();
  #isReachable = false;
  #isSettled = false;
  #isDisposed = false;
  #settlingTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param settled Called once, when the others have had the time to say who is connected there. */
  constructor(settled: () => void) {
    this.#settled = settled;
  }

  /** Whether mail goes both ways at present. */
  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** Whether this origin has worked beside the others for a while; for good once it is so. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Mail goes both ways from now on. Without effect after disposal: the carrier ends later, and may come back until then. */
  ready(): void {
    if (this.#isDisposed) return;
    this.#isReachable = true;
    clearTimeout(this.#settlingTimer);
    this.#settlingTimer = setTimeout(() => {
      if (!this.#isSettled) this.#settled();
      this.#isSettled = true;
      this.#tell();
    }, SETTLING_MS);
    this.#tell();
  }

  /** Nothing leaves at present. */
  held(): void {
    if (!this.#isReachable) return;
    this.#isReachable = false;
    clearTimeout(this.#settlingTimer);
    this.#tell();
  }

  /** Calls back whenever one of both may have changed. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#settlingTimer);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
