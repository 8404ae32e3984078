/**
 * One connector's connection at this origin.
 *
 * @module
 */

import type { RelayRequest } from "../../shared/http/message.ts";
import type { Delivery, DeliveryOptions } from "../../shared/protocol/exchange.ts";
import type { GoAwayReason, Reconnect } from "../../shared/protocol/frame.ts";
import type { Session } from "../../shared/protocol/session.ts";
import type { Connection, ConnectorFacts } from "../dispatch/connections.ts";

/** Who is connected. */
export interface ConnectionFacts {
  /** UUID. */
  readonly id: string;
  readonly originId: string;
  readonly tenantId: string;
  readonly tenantName: string;
  /** Address of the peer, which may be a proxy. */
  readonly peerAddress: string;
  /** Milliseconds since 1970. */
  readonly connectedAt: number;
  readonly connector: ConnectorFacts;
  /** Names of the targets the connector serves. */
  readonly targets: readonly string[];
}

/** A connection after its handshake. */
export class ConnectorConnection implements Connection {
  readonly isRemote = false;
  readonly facts: ConnectionFacts;
  /** Requests it takes at once. */
  readonly capacity: number;
  readonly #session: Session;
  #tokenTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, facts: ConnectionFacts, capacity: number) {
    this.#session = session;
    this.facts = facts;
    this.capacity = capacity;
    session.ended.then(() => clearTimeout(this.#tokenTimer));
  }

  get id(): string {
    return this.facts.id;
  }

  get originId(): string {
    return this.facts.originId;
  }

  get connector(): ConnectorFacts {
    return this.facts.connector;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#session.inFlight;
  }

  /** How many more requests it takes now. */
  get room(): number {
    return this.#session.isOpen ? Math.max(0, this.capacity - this.#session.inFlight) : 0;
  }

  /** Whether it takes requests at all. */
  get isOpen(): boolean {
    return this.#session.isOpen;
  }

  deliver(request: RelayRequest, options: DeliveryOptions): Delivery {
    return this.#session.deliver(request, options);
  }

  /** The connector's token holds until then, in milliseconds since 1970. Without a renewed one the connection ends politely. */
  setTokenExpiration(expiresAt: number, now: number): void {
    clearTimeout(this.#tokenTimer);
    // Timers take at most 2^31 - 1 ms.
    const delayMs = Math.min(Math.max(0, expiresAt - now), 2_147_483_647);
    this.#tokenTimer = setTimeout(() => this.drain("authentication_failed", "later"), delayMs);
  }

  /** Sends nothing more, lets what runs finish, then closes. */
  drain(reason: GoAwayReason, reconnect: Reconnect): void {
    this.#session.drain(reason, reconnect);
  }

  /** Ends it now. */
  close(code: number, reason: string): void {
    this.#session.close(code, reason);
  }
}
