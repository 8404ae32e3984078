/**
 * What carries things between origins. Every implementation passes `transport_contract.ts`.
 *
 * It knows nothing of HTTP, of connections, of bodies or of repeats: a tenant's queue holds tickets of requests that wait for a connection, and
 * mail holds whatever origins have to say to each other, the requests themselves included (`server/cluster`).
 *
 * @module
 */

/** A ticket: a request waits for a connection of its tenant. */
export interface QueuedRequest {
  /** UUID. */
  readonly requestId: string;
  /** The origin that holds the request; absent when it is stored where every origin can read it. */
  readonly originId?: string;
  /** Milliseconds until nobody waits for it any more; absent for no limit. */
  readonly expiresInMs?: number;
}

/** What becomes of a ticket that was taken. Exactly one of the two, once; both are without effect when the transport was lost meanwhile. */
export interface Settlement {
  /** The request is in good hands. */
  done(): void;
  /** Put the ticket back: somebody else is to take it. */
  again(): void;
}

/**
 * Takes one ticket out of its tenant's queue.
 *
 * @returns False to put it back where it was: there is no room for it after all. `settlement` is void then.
 */
export type Consumer = (request: QueuedRequest, settlement: Settlement) => boolean;

/** Serves requests of one tenant at this origin. */
export interface Consumption extends Disposable {
  /** How many more requests fit now. */
  setCapacity(requests: number): void;
}

/** A queue for each tenant, shared by all origins, first in, first out. */
export interface TenantQueues {
  /**
   * Puts a ticket into its tenant's queue. Resolves when it is safe there. While the carrier is away a bounded number of tickets waits for it; so
   * do tickets of requests that this origin holds while its mail does not come in, and what was published before that is published again.
   *
   * @throws {RelayError} `queue_full` when the tenant has too many waiting, `transport_unavailable` when they cannot be carried.
   */
  publish(tenantId: string, request: QueuedRequest): Promise<void>;
  /**
   * Nobody waits for a request any more: it must not keep a place that others need. Does nothing when it is not there. A transport that cannot
   * take it out may still hand it over.
   */
  withdraw(tenantId: string, request: QueuedRequest): void;
  /** Starts to serve a tenant's requests here, with no capacity at first. Disposing leaves what waits in the queue. */
  consume(tenantId: string, consumer: Consumer): Consumption;
  /** The tenant is gone for good, and its queue with it. */
  remove(tenantId: string): Promise<void>;
}

/** Who reads an origin's mail. Must not throw. */
export interface MailReceiver {
  /** One message, in the order its sender sent it. The bytes belong to the receiver. */
  mail(message: Uint8Array): void;
  /** A message could not be brought to that origin: it does not exist any more, or not at present. */
  undeliverable(originId: string): void;
  /** What was under way may be lost, in both directions. */
  lost(): void;
  /** Nothing leaves at present, though nothing is lost. */
  held(): void;
  /** Mail can be sent and received again, or for the first time. */
  ready(): void;
}

/** Messages between origins: in order, at most once, and lost with the carrier. */
export interface OriginMail {
  /** Starts to receive this origin's mail; once. */
  open(receiver: MailReceiver): void;
  /** Sends to one origin; never blocks. Without effect while the carrier is away. */
  send(originId: string, message: Uint8Array): void;
  /** Sends to every other origin, and perhaps to this one. */
  broadcast(message: Uint8Array): void;
  /** Bytes sent that have not left yet. */
  readonly bufferedAmount: number;
  /** Largest message that the carrier takes, in bytes, as far as is known. */
  readonly maxMessageBytes: number;
}

/** How a transport is. `blocked`: the carrier takes nothing at present, but has lost nothing. */
export type TransportState = "ready" | "blocked" | "away";

/** Carries requests between origins. Disposing closes it; tickets that are safe stay where they are. */
export interface ServerTransport extends AsyncDisposable {
  readonly queues: TenantQueues;
  readonly mail: OriginMail;
  readonly state: TransportState;
}
