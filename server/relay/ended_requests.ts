/**
 * What is left to do when a request is over: telling those who want to know.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import type { Exchange } from "./exchange.ts";
import type { OperatorRequest } from "./handle_options.ts";
import type { RelayedRequest, RelayObserver } from "./observer.ts";

/** What is asked of an exchange that has ended. */
export type EndedExchange = Pick<Exchange, "record" | "tap">;

/**
 * Tells observers of requests at the end of the turn of the event loop in which they were over: no client waits for a line of a log, and what is
 * done for several in a row takes less time for each.
 */
export class EndedRequests implements Disposable {
  readonly #observers: readonly RelayObserver[];
  #ended: EndedRequest[] = [];
  #timer: ReturnType<typeof setImmediate> | undefined;

  /** @param observers All of them hear of every request. */
  constructor(observers: readonly RelayObserver[]) {
    this.#observers = observers;
  }

  /**
   * A request is over.
   *
   * @param exchange Has ended.
   * @param operator Who has sent it, if no client has.
   */
  add(exchange: EndedExchange, operator: OperatorRequest | undefined): void {
    this.#ended.push({ exchange, operator });
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
    const records = ended.map(tell);
    for (const observer of this.#observers) {
      for (const record of records) observer.requestEnded(record);
    }
  }
}

interface EndedRequest {
  readonly exchange: EndedExchange;
  readonly operator: OperatorRequest | undefined;
}

function tell({ exchange, operator }: EndedRequest): RelayedRequest {
  const record = exchange.record();
  exchange.tap?.ended(record);
  operator?.ended(record);
  return record;
}
