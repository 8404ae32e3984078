/**
 * The row of a stored request that this origin holds.
 *
 * @module
 */

import type { RelayError } from "../../shared/errors/relay_error.ts";
import { getLogger } from "../../shared/log/logger.ts";
import type { DeadLetterReason, StoredRequest } from "../persistence/mod.ts";
import type { Ledger } from "./ledger.ts";

const logger = getLogger("queue");

/** What a row says of the next delivery. */
export interface Schedule {
  /** Deliveries so far. */
  readonly attempts: number;
  readonly nextAttemptAtMs: number;
  readonly lastError: string;
}

/** What a {@link HeldRow} works with. */
export interface HeldRowParts {
  readonly ledger: Ledger;
  /** Whether others may have taken what this origin holds since `sinceMs`, by `performance.now`: it stood still, or was without the database. */
  readonly mayHaveLost: (sinceMs: number) => boolean;
}

/** Whoever finds that it is gone, or somebody else's, has nothing more to do. */
export class HeldRow {
  readonly #request: StoredRequest;
  readonly #parts: HeldRowParts;
  readonly #originId: string;
  /** By `performance.now`. */
  readonly #heldAtMs = performance.now();
  #isSettled = false;

  constructor(request: StoredRequest, parts: HeldRowParts, { originId }: { readonly originId: string }) {
    this.#request = request;
    this.#parts = parts;
    this.#originId = originId;
  }

  /** Whether the request needs no other delivery. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether another origin may have taken the request. */
  get mayBeLost(): boolean {
    return this.#parts.mayHaveLost(this.#heldAtMs);
  }

  /** The request needs no other delivery. Idempotent. */
  settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#parts.ledger.settle(this.#request);
  }

  /** The row is gone: the target has acknowledged the request, or somebody has removed it. */
  settledElsewhere(): void {
    this.#isSettled = true;
  }

  /** Writes the next delivery down, which will be here. @returns False when the row is gone. */
  async keep(next: Schedule): Promise<boolean> {
    const isHeld = await this.#reschedule(next, { isKept: true });
    // Who took it while this origin stood still has no client for its response: that one waits here.
    return isHeld || this.mayBeLost;
  }

  /** Any origin may take the request from now on. @returns Whether it waits. */
  release(next: Schedule): Promise<boolean> {
    return this.#reschedule(next, { isKept: false });
  }

  /** Makes a dead letter of the request. */
  async bury(reason: DeadLetterReason, error: RelayError, { attempts }: { readonly attempts: number }): Promise<void> {
    const { id, tenantId } = this.#request;
    const burial = { id, holder: this.#originId, attempts, reason, lastError: describeFailure(error) };
    if (!await this.#parts.ledger.bury(burial)) return;
    const facts = { requestId: id, tenantId, reason, attempts, error };
    logger.warn("Stored request {requestId} became a dead letter ({reason}): {error}", facts);
  }

  #reschedule(
    { attempts, nextAttemptAtMs, lastError }: Schedule,
    { isKept }: { readonly isKept: boolean },
  ): Promise<boolean> {
    const next = { id: this.#request.id, holder: this.#originId, attempts, nextAttemptAt: nextAttemptAtMs };
    return this.#parts.ledger.reschedule({ ...next, lastError, isKept });
  }
}

/** How a delivery failed, for people. */
export function describeFailure({ code, message }: RelayError): string {
  return `${code}: ${message}`;
}
