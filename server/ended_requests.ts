/**
 * Tells of requests that are over, after their answers.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import type { RelayedRequest, RelayObserver } from "./relay/observer.ts";

/**
 * Tells observers of requests at the end of the turn of the event loop in which they were over: no client waits for a line of a log, and what is
 * done for several in a row takes less time for each (measured, see `docs/architecture.md`).
 */
export class EndedRequests implements RelayObserver, Disposable {
  readonly #observers: readonly RelayObserver[];
  #ended: RelayedRequest[] = [];
  #timer: ReturnType<typeof setImmediate> | undefined;

  /** @param observers All of them hear of every request. */
  constructor(observers: readonly RelayObserver[]) {
    this.#observers = observers;
  }

  requestEnded(request: RelayedRequest): void {
    this.#ended.push(request);
    this.#timer ??= setImmediate(() => this.#tell());
  }

  /** Tells what is left to tell. */
  [Symbol.dispose](): void {
    if (this.#timer !== undefined) clearImmediate(this.#timer);
    this.#tell();
  }

  #tell(): void {
    this.#timer = undefined;
    const ended = this.#ended;
    this.#ended = [];
    for (const observer of this.#observers) {
      for (const request of ended) observer.requestEnded(request);
    }
  }
}
