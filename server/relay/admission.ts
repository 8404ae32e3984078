/**
 * Lets requests in, up to the limits, and knows when the last one is done.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { Places } from "../dispatch/places.ts";

/** How many requests may be under way. */
export interface AdmissionLimits {
  readonly requests: number;
  readonly requestsPerTenant: number;
}

/** Counts requests from admission to the last byte of their answers. */
export class Admission {
  readonly #places: Places;
  readonly #idle = Promise.withResolvers<void>();
  #isClosed = false;

  constructor({ requests, requestsPerTenant }: AdmissionLimits) {
    this.#places = new Places({ total: requests, perTenant: requestsPerTenant });
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#places.taken;
  }

  /** Whether requests are still let in. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /**
   * Lets a request in; follow with exactly one `leave`.
   *
   * @throws {RelayError} `draining` or `overloaded`.
   */
  enter(tenantId: string): void {
    if (this.#isClosed) throw new RelayError("draining", "The server is about to stop");
    if (!this.#places.hasRoom(tenantId)) {
      throw new RelayError("overloaded", "The tenant has its share of requests in flight");
    }
    this.#places.take(tenantId);
  }

  /** The request's answer has ended, one way or another. */
  leave(tenantId: string): void {
    this.#places.giveBack(tenantId);
    if (this.#isClosed && this.#places.taken === 0) this.#idle.resolve();
  }

  /** Lets nobody in any more. Resolves when the last request is done. Idempotent. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (this.#places.taken === 0) this.#idle.resolve();
    return this.#idle.promise;
  }
}
