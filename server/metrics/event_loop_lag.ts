/**
 * Measures how late the event loop is. (`monitorEventLoopDelay` of `node:perf_hooks` counts nothing in Deno 2.9.6.)
 *
 * @module
 */

import { Histogram, type Registry } from "prom-client";

const INTERVAL_MS = 100;

/** Observes by how much a timer is late, ten times a second. Disposing ends it. */
export class EventLoopLag implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(registry: Registry) {
    const histogram = new Histogram({
      name: "relay_event_loop_lag_seconds",
      help: "How late timers are, measured ten times a second",
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers: [registry],
    });
    let dueMs = performance.now() + INTERVAL_MS;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      histogram.observe(Math.max(0, nowMs - dueMs) / 1_000);
      dueMs = nowMs + INTERVAL_MS;
    }, INTERVAL_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
