/**
 * Tickets of this origin on their way into the broker's queues.
 *
 * @module
 */

import { RelayError } from "../../../shared/errors/relay_error.ts";
import type { QueuedRequest } from "../transport.ts";

/** A ticket, from its publishing until nobody waits for its request any more. */
export interface OutboxEntry {
  readonly tenantId: string;
  readonly request: QueuedRequest;
  readonly published: PromiseWithResolvers<void>;
  /** Whether the broker has had it. */
  isPublished: boolean;
  /** Monotonic milliseconds when it expires. */
  readonly expiresAtMs: number;
}

/** How much an {@link Outbox} holds. */
export interface OutboxLimits {
  readonly perTenant: number;
  readonly total: number;
}

/** What this origin has published. All of it is published again when the broker was lost: nobody knows what it still has. */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #entries = new Map<string, OutboxEntry>();
  readonly #countByTenant = new Map<string, number>();

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /**
   * Adds a ticket, in place of an older one of the same request.
   *
   * @throws {RelayError} `queue_full`, `transport_unavailable`.
   */
  add(tenantId: string, request: QueuedRequest): OutboxEntry {
    this.withdraw(request.requestId);
    const count = this.#countByTenant.get(tenantId) ?? 0;
    if (count >= this.#limits.perTenant) {
      throw new RelayError("queue_full", "Too many requests wait for this tenant", { retryAfterSeconds: 5 });
    }
    if (this.#entries.size >= this.#limits.total) {
      throw new RelayError("transport_unavailable", "Too many requests wait for the server transport", {
        retryAfterSeconds: 5,
      });
    }
    const entry: OutboxEntry = {
      tenantId,
      request,
      published: Promise.withResolvers<void>(),
      isPublished: false,
      expiresAtMs: performance.now() + (request.expiresInMs ?? Infinity),
    };
    this.#entries.set(request.requestId, entry);
    this.#countByTenant.set(tenantId, count + 1);
    return entry;
  }

  /** Whether it is still wanted. */
  has(entry: OutboxEntry): boolean {
    return this.get(entry.request.requestId) === entry;
  }

  /** The broker has it: one whose request is stored needs nothing more from here. */
  confirmed(entry: OutboxEntry): void {
    entry.isPublished = true;
    entry.published.resolve();
    if (entry.request.originId === undefined) this.#remove(entry.request.requestId);
  }

  /** The broker does not take it. One that was published again may be there still from the first time, and is published again the next time. */
  refused(entry: OutboxEntry, cause: Error): void {
    if (entry.isPublished || !this.has(entry)) return;
    this.#remove(entry.request.requestId);
    const message = "The broker does not take the request's ticket";
    entry.published.reject(new RelayError("transport_unavailable", message, { cause, retryAfterSeconds: 5 }));
  }

  /** The ticket of a request, if it is still wanted. */
  get(requestId: string): OutboxEntry | undefined {
    return this.#entries.get(requestId);
  }

  /** Nobody waits for it any more. @param only Nothing but this one: the request may have a newer ticket. */
  withdraw(requestId: string, only: OutboxEntry | undefined = this.get(requestId)): void {
    if (only === undefined || this.get(requestId) !== only) return;
    this.#remove(requestId);
    only.published.resolve();
  }

  /** All tickets, oldest first; those that have expired are forgotten. */
  list(): OutboxEntry[] {
    const now = performance.now();
    for (const { request, expiresAtMs } of this.#entries.values()) {
      if (expiresAtMs <= now) this.withdraw(request.requestId);
    }
    return [...this.#entries.values()];
  }

  /** Gives everything up. */
  fail(error: RelayError): void {
    for (const { request, published } of this.#entries.values()) {
      published.promise.catch(() => {});
      published.reject(error);
      this.#remove(request.requestId);
    }
  }

  #remove(requestId: string): OutboxEntry | undefined {
    const entry = this.#entries.get(requestId);
    if (entry === undefined) return undefined;
    this.#entries.delete(requestId);
    const count = this.#countByTenant.get(entry.tenantId)! - 1;
    if (count === 0) this.#countByTenant.delete(entry.tenantId);
    else this.#countByTenant.set(entry.tenantId, count);
    return entry;
  }
}
