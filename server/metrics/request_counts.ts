/**
 * What was counted of the requests to one target. Plain numbers: a counter of prom-client looks its labels up at every use, which for all that
 * is counted here would cost more than a tenth of a relayed request.
 *
 * @module
 */

import type { RelayErrorCode } from "../../shared/errors/relay_error.ts";
import { type RelayedRequest, REQUEST_OUTCOMES } from "../relay/observer.ts";

/** Upper bounds of the histogram of durations, in seconds. */
export const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60] as const;

const STATUS_CLASSES = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;
const BOUNDS_MS = DURATION_BOUNDS.map((seconds) => seconds * 1_000);

/** Requests with the same end. */
export interface CountedRequests {
  readonly outcome: string;
  /** Class of the status: `2xx`. */
  readonly status: string;
  readonly count: number;
}

/** Counts requests. */
export class RequestCounts {
  /** Labels of its series; always the same object, whose text form prom-client remembers. */
  readonly labels: Readonly<{ tenant: string; target: string }>;
  /** Durations by bucket, not cumulative; the last bucket has no bound. */
  readonly durations = new Float64Array(DURATION_BOUNDS.length + 1);
  readonly errors = new Map<RelayErrorCode, number>();
  durationMsSum = 0;
  requestBytes = 0;
  responseBytes = 0;
  readonly #ends = new Float64Array(REQUEST_OUTCOMES.length * STATUS_CLASSES.length);

  constructor(labels: Readonly<{ tenant: string; target: string }>) {
    this.labels = labels;
  }

  /** Whether nothing was counted yet. */
  get isEmpty(): boolean {
    return !this.durations.some((count) => count > 0);
  }

  /** Counts a request. */
  add({ outcome, status, errorCode, durationMs, requestBytes, relayedResponseBytes }: RelayedRequest): void {
    const statusClass = Math.min(5, Math.max(0, Math.trunc(status / 100)));
    this.#ends[REQUEST_OUTCOMES.indexOf(outcome) * STATUS_CLASSES.length + statusClass]!++;
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && durationMs > BOUNDS_MS[bucket]!) bucket++;
    this.durations[bucket]!++;
    this.durationMsSum += durationMs;
    this.requestBytes += requestBytes;
    this.responseBytes += relayedResponseBytes;
    if (errorCode !== undefined) this.errors.set(errorCode, (this.errors.get(errorCode) ?? 0) + 1);
  }

  /** How the requests ended. */
  *ends(): Iterable<CountedRequests> {
    for (const [index, count] of this.#ends.entries()) {
      if (count === 0) continue;
      const outcome = REQUEST_OUTCOMES[Math.trunc(index / STATUS_CLASSES.length)]!;
      yield { outcome, status: STATUS_CLASSES[index % STATUS_CLASSES.length]!, count };
    }
  }
}
