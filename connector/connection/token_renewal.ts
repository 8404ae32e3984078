/**
 * Renews the token of an open session in place, so that a long download outlives it.
 *
 * @module
 */

import type { AccessToken } from "./token.ts";

/** What renewal needs of its session. */
export interface TokenRenewalPort {
  /** Gets a fresh token. */
  fetch(): Promise<AccessToken>;
  /** Sends it to the server. */
  send(token: string): void;
  /** It could not be had, it will be tried again in `retryMs`. */
  failed(error: unknown, retryMs: number): void;
}

/** A token is renewed when this share of its lifetime is over. */
const RENEW_AFTER = 0.75;
const MINIMUM_RETRY_MS = 1000;
/** Timers take at most 2^31 - 1 ms. */
const MAXIMUM_TIMER_MS = 2_147_483_647;

/** Runs until it is disposed. */
export class TokenRenewal implements Disposable {
  readonly #port: TokenRenewalPort;
  /** By the clock that nobody sets, in milliseconds. */
  #endsAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDisposed = false;

  constructor(token: AccessToken, port: TokenRenewalPort) {
    this.#port = port;
    this.#schedule(token);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
  }

  #schedule({ expiresAt }: AccessToken): void {
    const lifetimeMs = Math.max(0, expiresAt - Date.now());
    this.#endsAtMs = performance.now() + lifetimeMs;
    const delayMs = Math.min(MAXIMUM_TIMER_MS, Math.max(MINIMUM_RETRY_MS, lifetimeMs * RENEW_AFTER));
    this.#timer = setTimeout(() => this.#renew(), delayMs);
  }

  async #renew(): Promise<void> {
    try {
      const renewed = await this.#port.fetch();
      if (this.#isDisposed) return;
      this.#port.send(renewed.token);
      this.#schedule(renewed);
    } catch (error) {
      if (this.#isDisposed) return;
      const remainingMs = this.#endsAtMs - performance.now();
      const retryMs = Math.min(MAXIMUM_TIMER_MS, Math.max(MINIMUM_RETRY_MS, remainingMs * (1 - RENEW_AFTER)));
      this.#port.failed(error, retryMs);
      this.#timer = setTimeout(() => this.#renew(), retryMs);
    }
  }
}
