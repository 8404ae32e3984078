/**
 * What the tests of statistics and of its users share.
 *
 * @module
 */

import { PersistenceError, type PersistenceErrorCode } from "../persistence/mod.ts";
import type { RelayedRequest } from "../relay/observer.ts";
import { newRequestId } from "../relay/request_id.ts";

/** A request that succeeded, but for what is given. */
export function relayedRequest(differences: Partial<RelayedRequest> = {}): RelayedRequest {
  const { startedAtMs = Date.UTC(2026, 0, 1) } = differences;
  return {
    requestId: newRequestId(startedAtMs),
    traceId: undefined,
    originId: "0f0f0f0f-0000-4000-8000-000000000001",
    tenantId: "0f0f0f0f-0000-4000-8000-000000000002",
    tenant: "Site",
    target: "erp",
    method: "GET",
    path: "/orders",
    clientAddress: "192.0.2.1",
    startedAtMs,
    durationMs: 12.5,
    status: 200,
    outcome: "succeeded",
    errorCode: undefined,
    policyReason: undefined,
    requestBytes: 10,
    relayedRequestBytes: 11,
    responseBytes: 20,
    relayedResponseBytes: 22,
    waitedMs: 1.5,
    tunnelMs: 0.5,
    targetMs: 2.25,
    deliveries: 1,
    connectionId: "0f0f0f0f-0000-4000-8000-000000000003",
    ...differences,
  };
}

/** A store that writes when the test says so, and fails as often as it is told. */
export class FakeStore<T> {
  readonly batches: T[][] = [];
  /** Attempts so far. */
  attempts = 0;
  /** How many attempts fail from now on. */
  failures = 0;
  /** What they fail with. */
  code: PersistenceErrorCode = "database_unavailable";
  /** While it is set writes hang on it. */
  gate: Promise<void> | undefined;
  #waiters: (() => void)[] = [];

  readonly write = async (rows: readonly T[]): Promise<void> => {
    this.attempts++;
    this.#wake();
    await this.gate;
    if (this.failures > 0) {
      this.failures--;
      throw new PersistenceError(this.code, "Cannot write: a test says so");
    }
    this.batches.push([...rows]);
    this.#wake();
  };

  /** All rows that were written. */
  get rows(): T[] {
    return this.batches.flat();
  }

  /** Waits until something holds; it is looked at after every attempt. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
