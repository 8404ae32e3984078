/**
 * What carries requests to the origin that can serve them. Every implementation passes `transport_contract.ts`.
 *
 * @module
 */

/** A request that waits for a connection of its tenant. */
export interface QueuedRequest {
  /** UUID. */
  readonly requestId: string;
}

/** Serves requests of one tenant at this origin. */
export interface Consumption extends Disposable {
  /** How many more requests fit now. Those that wait are handed over before this returns, if they can be. */
  setCapacity(requests: number): void;
}

/**
 * Takes one request out of its tenant's queue.
 *
 * @returns False to put it back where it was: there is no room for it after all.
 */
export type Consumer = (request: QueuedRequest) => boolean;

/** Carries requests between origins; knows nothing of HTTP, of connections or of repeats. */
export interface ServerTransport extends AsyncDisposable {
  /**
   * Puts a request into its tenant's queue, in order.
   *
   * @throws {RelayError} `queue_full` when the tenant has too many waiting, `transport_unavailable` when they cannot be carried.
   */
  publish(tenantId: string, request: QueuedRequest): Promise<void>;
  /**
   * Nobody waits for a request any more: it must not keep a place in the queue that others need. Does nothing when it is not there. A transport
   * that cannot take it out may still hand it over.
   */
  withdraw(tenantId: string, request: QueuedRequest): void;
  /** Starts to serve a tenant's requests here, with no capacity at first. Disposing leaves what waits in the queue. */
  consume(tenantId: string, consumer: Consumer): Consumption;
}
