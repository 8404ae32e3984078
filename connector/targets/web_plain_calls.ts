/**
 * Calls over connections of `http1/`. What `web_agents.ts` says about kept connections holds here too.
 *
 * @module
 */

import type { RelayResponse } from "../../shared/http/message.ts";
import { Connections } from "./http1/connections.ts";
import { DISTRUST_MS, IDLE_LIMIT_MS, isRepeatable, SHORT_IDLE_LIMIT_MS } from "./web_agents.ts";
import type { ExchangeOptions, WireRequest } from "./web_exchange.ts";
import type { WebOrigin } from "./web_origin.ts";
import { PlainExchange } from "./web_plain_exchange.ts";

/** All calls to one `http:` address. */
export class PlainCalls implements Disposable {
  readonly #connections: Connections;
  #distrustedUntilMs = 0;
  #isDisposed = false;

  constructor({ hostname, port }: WebOrigin) {
    this.#connections = new Connections({ hostname, port }, {
      repeatableMs: IDLE_LIMIT_MS,
      unrepeatableMs: SHORT_IDLE_LIMIT_MS,
    });
  }

  /** Whether no call is under way. */
  get isIdle(): boolean {
    return this.#connections.isIdle;
  }

  /**
   * Calls the target; a second time where the first request was certainly of no effect, or may have any.
   *
   * @throws {RelayError} as `Target.handle` does.
   */
  async call(request: Omit<WireRequest, "agent">, options: ExchangeOptions): Promise<RelayResponse> {
    const route = { connections: this.#connections, isRepeatable: isRepeatable(request) };
    const isKept = route.isRepeatable || performance.now() >= this.#distrustedUntilMs;
    const exchange = new PlainExchange(request, { ...route, isKept }, options);
    try {
      return await exchange.response;
    } catch (error) {
      if (!exchange.diedUnused || this.#isDisposed) throw error;
      this.#distrustedUntilMs = performance.now() + DISTRUST_MS;
      if (!route.isRepeatable) throw error;
      return await new PlainExchange(request, { ...route, isKept: false }, options).response;
    }
  }

  /** Closes what is not in use, and what is in use as soon as it is not. */
  retire(): void {
    this.#connections.retire();
  }

  /** Closes all connections, those in use too. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#connections[Symbol.dispose]();
  }
}
