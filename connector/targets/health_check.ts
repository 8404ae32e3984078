/**
 * Asks a target regularly whether it is well. What it finds is shown and told; requests go to the target all the same.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { isStreamBody, type RelayRequest } from "../../shared/http/message.ts";
import { VERSION } from "../../shared/version.ts";
import type { Target } from "./target.ts";

/** What is known of a target's health; `unknown` before the first check has ended. */
export type Health = "unknown" | "healthy" | "unhealthy";

/** How a target is checked. */
export interface HealthCheckOptions {
  /** Path and query below the target's base. */
  readonly path: string;
  /** Time between two checks, in milliseconds. */
  readonly interval: number;
  /** Time for the answer, in milliseconds. */
  readonly timeout: number;
  /** `200` or `200-299`. */
  readonly expectedStatus: readonly string[];
  /** Good answers in a row after which it is healthy again. */
  readonly healthyAfter: number;
  /** Failures in a row after which it is unhealthy. */
  readonly unhealthyAfter: number;
}

/** What the last checks found. */
export interface HealthStatus {
  readonly health: Health;
  /** Milliseconds since 1970; absent while the health is unknown. */
  readonly since?: number;
  /** Why the last check failed; absent when it did not. */
  readonly failure?: string;
}

/** The first checks are spread over this time, in milliseconds, so that many targets are not asked at once. */
const SPREAD_MS = 2_000;
/** Bodies above this many bytes are not read. */
const BODY_LIMIT_BYTES = 1024;

/** Checks one target until it is disposed. */
export class HealthCheck implements Disposable {
  readonly #target: Target;
  readonly #name: string;
  readonly #options: HealthCheckOptions;
  readonly #onChange: (status: HealthStatus) => void;
  readonly #explain: (error: unknown, signal: AbortSignal) => Promise<string>;
  readonly #stopping = new AbortController();
  #status: HealthStatus = { health: "unknown" };
  #inARow = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Starts at once, but for a short random delay.
   *
   * @param target Whom to ask.
   * @param options How, under which name, and who is told when the health changes.
   */
  constructor(
    target: Target,
    options: HealthCheckOptions & {
      readonly name: string;
      readonly onChange: (status: HealthStatus) => void;
      /** Why a check failed that brought no answer. */
      readonly explain: (error: unknown, signal: AbortSignal) => Promise<string>;
    },
  ) {
    this.#target = target;
    this.#options = options;
    this.#name = options.name;
    this.#onChange = options.onChange;
    this.#explain = options.explain;
    this.#schedule(Math.random() * Math.min(SPREAD_MS, options.interval));
  }

  get status(): HealthStatus {
    return this.#status;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#stopping.abort(new Error("Cannot check target: the check has ended"));
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(async () => {
      const failure = await this.#check();
      if (this.#stopping.signal.aborted) return;
      this.#take(failure);
      this.#schedule(this.#options.interval);
    }, delayMs);
  }

  /** @returns Why it failed, `undefined` when all is well. */
  async #check(): Promise<string | undefined> {
    const timeout = new AbortController();
    const timer = setTimeout(
      () => timeout.abort(new RelayError("target_timeout", "Cannot call target: it did not answer in time")),
      this.#options.timeout,
    );
    const signal = AbortSignal.any([this.#stopping.signal, timeout.signal]);
    try {
      const response = await this.#target.handle(this.#request(), { signal, inlineBodyLimitBytes: BODY_LIMIT_BYTES });
      if (isStreamBody(response.body)) await response.body.stream.cancel();
      return this.#isExpected(response.status) ? undefined : `it answered ${response.status}`;
    } catch (error) {
      return await this.#explain(error, this.#stopping.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  #request(): RelayRequest {
    return {
      requestId: crypto.randomUUID(),
      method: "GET",
      target: this.#name,
      path: this.#options.path,
      headers: [["User-Agent", `relayserver-connector/${VERSION} (health check)`], ["Accept", "*/*"]],
      body: null,
    };
  }

  #isExpected(status: number): boolean {
    return this.#options.expectedStatus.some((range) => {
      const [from, to = from] = range.split("-").map(Number);
      return status >= from! && status <= to!;
    });
  }

  #take(failure: string | undefined): void {
    const { healthyAfter, unhealthyAfter } = this.#options;
    const { health, since } = this.#status;
    const found: Health = failure === undefined ? "healthy" : "unhealthy";
    this.#inARow = found === health ? 0 : this.#inARow + 1;
    // The first good answer is enough to begin with.
    const needed = health === "unknown" && found === "healthy"
      ? 1
      : found === "healthy"
      ? healthyAfter
      : unhealthyAfter;
    const hasChanged = found !== health && this.#inARow >= needed;
    if (hasChanged) this.#inARow = 0;
    const now = hasChanged ? Date.now() : since;
    this.#status = {
      health: hasChanged ? found : health,
      ...(now === undefined ? {} : { since: now }),
      ...(failure === undefined ? {} : { failure }),
    };
    if (hasChanged) this.#onChange(this.#status);
  }
}
