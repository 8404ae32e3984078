/**
 * A body store that is watched: whether it is there, as its use and a probe of its own tell.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { BodyStore, PutOptions, StoredBody } from "./body_store.ts";
import { bodyStoreUnavailable, isFull } from "./store_error.ts";

/** How often a store is probed that took a body, or seemed to. */
const PROBE_INTERVAL_MS = 30_000;
/** How often one that did not. */
const UNAVAILABLE_PROBE_INTERVAL_MS = 2_000;
/** How long a probe may take. */
const PROBE_TIMEOUT_MS = 5_000;
/** Enough to find a disk without room. */
const PROBE_BYTES = 64 * 1024;

/** What the key of a probe's body begins with. */
export const PROBE_KEY_PREFIX = "probe-";

const logger = getLogger("body-store");

/** How a body store is. */
export interface BodyStoreStatus {
  /** `blocked`: it is full, but gives the bodies it has. */
  readonly state: "ready" | "blocked" | "away";
  /** Since when it is so, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** What it failed with last; `undefined` when it is ready. */
  readonly lastError: string | undefined;
}

/** Watches a body store that is used through it. Disposing ends the watch, not the store. */
export class MonitoredBodyStore implements BodyStore, Disposable {
  readonly #store: BodyStore;
  readonly #now: () => number;
  readonly #probeKey: string;
  readonly #end = new AbortController();
  #status: BodyStoreStatus;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isWatched = false;
  #tookBody = false;

  /**
   * @param store The store that is watched.
   * @param options `probeName` tells the servers that share the store apart; `now` gives the time in milliseconds since 1970.
   */
  constructor(
    store: BodyStore,
    { probeName, now = Date.now }: { readonly probeName: string; readonly now?: () => number },
  ) {
    this.#store = store;
    this.#now = now;
    this.#probeKey = PROBE_KEY_PREFIX + probeName;
    this.#status = { state: "ready", sinceMs: now(), lastError: undefined };
  }

  /** How the store is, as far as is known. */
  get status(): BodyStoreStatus {
    return this.#status;
  }

  /** Begins to probe the store, now and whenever it has taken nothing for a while, until this is disposed. */
  watch(): void {
    this.#isWatched = true;
    this.#schedule(0);
  }

  async put(key: string, body: ReadableStream<Uint8Array>, options?: PutOptions): Promise<number> {
    const sizeBytes = await this.#observe(() => this.#store.put(key, body, options));
    this.#tookBody = true;
    this.#ready();
    return sizeBytes;
  }

  async open(
    key: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<StoredBody | undefined> {
    return await this.#observe(() => this.#store.open(key, options));
  }

  async remove(key: string): Promise<void> {
    await this.#observe(() => this.#store.remove(key));
  }

  async *keys(options: { readonly minimumAgeMs: number }): AsyncGenerator<string> {
    try {
      yield* this.#store.keys(options);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Probes no more. */
  [Symbol.dispose](): void {
    this.#isWatched = false;
    clearTimeout(this.#timer);
    this.#end.abort();
  }

  async #observe<Result>(act: () => Promise<Result>): Promise<Result> {
    try {
      return await act();
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  #ready(): void {
    if (this.#status.state === "ready") return;
    const nowMs = this.#now();
    const durationMs = nowMs - this.#status.sinceMs;
    this.#status = { state: "ready", sinceMs: nowMs, lastError: undefined };
    logger.info("The body store takes bodies again, after {durationMs} ms", { durationMs });
  }

  #failed(error: unknown): void {
    if (!(error instanceof RelayError) || error.code !== "body_store_unavailable") return;
    const { state: before, sinceMs } = this.#status;
    const state = isFull(error) ? "blocked" : "away";
    this.#status = { state, sinceMs: state === before ? sinceMs : this.#now(), lastError: error.message };
    if (state === before) return;
    logger.error("The body store is {state}: {error}", { state, error });
    this.#schedule(UNAVAILABLE_PROBE_INTERVAL_MS);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isWatched) this.#timer = setTimeout(() => void this.#probe(), delayMs);
  }

  async #probe(): Promise<void> {
    const hasTakenBody = this.#tookBody && this.#status.state === "ready";
    this.#tookBody = false;
    if (hasTakenBody) return this.#schedule(PROBE_INTERVAL_MS);
    const patience = new AbortController();
    const timer = setTimeout(() => {
      const error = bodyStoreUnavailable("store body", new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`));
      this.#failed(error);
      patience.abort(error);
    }, PROBE_TIMEOUT_MS);
    const signal = AbortSignal.any([this.#end.signal, patience.signal]);
    try {
      const body = ReadableStream.from([new Uint8Array(PROBE_BYTES)]);
      await this.put(this.#probeKey, body, { lengthBytes: PROBE_BYTES, signal });
      clearTimeout(timer);
      await this.remove(this.#probeKey);
    } catch (error) {
      logger.debug("The body store was probed in vain: {error}", { error });
    } finally {
      clearTimeout(timer);
      this.#schedule(this.#status.state === "ready" ? PROBE_INTERVAL_MS : UNAVAILABLE_PROBE_INTERVAL_MS);
    }
  }
}
