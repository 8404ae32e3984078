/**
 * The time a request has until the head of its response.
 *
 * @module
 */

/** A deadline that moves on while the request's body flows. */
export class Expiration implements Disposable {
  readonly #durationMs: number;
  #expiresAtMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param durationMs From now, and again from the last {@link extend}. */
  constructor(durationMs: number) {
    this.#durationMs = durationMs;
    this.#expiresAtMs = performance.now() + durationMs;
  }

  /** Starts anew. */
  extend(): void {
    this.#expiresAtMs = performance.now() + this.#durationMs;
  }

  /** Calls back once, when the time is over, unless it was disposed by then. */
  onExpired(expired: () => void): void {
    const check = () => {
      const remainingMs = this.#expiresAtMs - performance.now();
      if (remainingMs <= 0) expired();
      else this.#timer = setTimeout(check, remainingMs);
    };
    check();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
