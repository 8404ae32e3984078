/**
 * Lets requests in, up to the limits, and knows when the last one is done.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";

/** How many requests may be under way. */
export interface AdmissionLimits {
  readonly requests: number;
  readonly requestsPerTenant: number;
}

/** Counts requests from admission to the last byte of their answers. */
export class Admission {
  readonly #limits: AdmissionLimits;
  /** Requests under way by tenant id; a tenant stays when it has none, which is cheaper than coming and going. */
  readonly #perTenant = new Map<string, number>();
  readonly #idle = Promise.withResolvers<void>();
  #inFlight = 0;
  #isClosed = false;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#inFlight;
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
    const ofTenant = this.#perTenant.get(tenantId) ?? 0;
    if (this.#inFlight >= this.#limits.requests) {
      throw new RelayError("overloaded", "The server has too many requests in flight");
    }
    if (ofTenant >= this.#limits.requestsPerTenant) {
      throw new RelayError("overloaded", "The tenant has too many requests in flight");
    }
    this.#inFlight++;
    this.#perTenant.set(tenantId, ofTenant + 1);
  }

  /** The request's answer has ended, one way or another. */
  leave(tenantId: string): void {
    this.#perTenant.set(tenantId, this.#perTenant.get(tenantId)! - 1);
    this.#inFlight--;
    if (this.#isClosed && this.#inFlight === 0) this.#idle.resolve();
  }

  /** Lets nobody in any more. Resolves when the last request is done. Idempotent. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (this.#inFlight === 0) this.#idle.resolve();
    return this.#idle.promise;
  }
}
