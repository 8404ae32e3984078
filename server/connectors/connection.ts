/**
 * One connector's connection at this origin.
 *
 * @module
 */

import type { RelayRequest } from "../../shared/http/message.ts";
import type { Delivery, DeliveryOptions } from "../../shared/protocol/exchange.ts";
import { CloseCode, type GoAwayReason, type Reconnect } from "../../shared/protocol/frame.ts";
import type { ServedTargets } from "../../shared/protocol/handshake_heads.ts";
import type { HttpDelivery } from "../../shared/protocol/http_bodies.ts";
import type { Session } from "../../shared/protocol/session.ts";
import type { Connection, ConnectorFacts } from "../dispatch/connections.ts";
import { type AppliedSettings, isSameSettings } from "./connection_settings.ts";

/** Who is connected. */
export interface ConnectionFacts {
  /** UUID. */
  readonly id: string;
  readonly originId: string;
  readonly tenantId: string;
  readonly tenantName: string;
  /** Which of the tenant's secrets its token was got with; null when an authority issued it. */
  readonly secretId: string | null;
  /** Address of the peer, which may be a proxy. */
  readonly peerAddress: string;
  /** Milliseconds since 1970. */
  readonly connectedAt: number;
  readonly connector: ConnectorFacts;
  /** Names of the targets the connector serves. */
  readonly targets: readonly string[];
  /** Names of those whose health check fails at the connector; none when absent. */
  readonly unhealthyTargets?: readonly string[];
}

/** How a connection is dismissed. */
export interface Dismissal {
  readonly reason: GoAwayReason;
  readonly reconnect: Reconnect;
  /** What runs may go on for this long, in milliseconds. */
  readonly withinMs: number;
}

/** A connection after its handshake. */
export class ConnectorConnection implements Connection {
  readonly isRemote = false;
  /** Resolves when it is over. Never rejects. */
  readonly ended: Promise<unknown>;
  readonly #session: Session;
  #facts: ConnectionFacts;
  #applied: AppliedSettings;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(session: Session, facts: ConnectionFacts, applied: AppliedSettings) {
    this.#session = session;
    this.#facts = facts;
    this.#applied = applied;
    this.ended = session.ended.then(() => {
      this.#isOver = true;
      clearTimeout(this.#closeTimer);
    });
  }

  get facts(): ConnectionFacts {
    return this.#facts;
  }

  get id(): string {
    return this.#facts.id;
  }

  get originId(): string {
    return this.facts.originId;
  }

  get connector(): ConnectorFacts {
    return this.#facts.connector;
  }

  /** Requests it takes at once. */
  get capacity(): number {
    return this.#applied.capacity;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#session.inFlight;
  }

  /** How many more requests it takes now. */
  get room(): number {
    return this.#session.isOpen ? Math.max(0, this.#applied.capacity - this.#session.inFlight) : 0;
  }

  /** Whether it takes requests at all. */
  get isOpen(): boolean {
    return this.#session.isOpen;
  }

  /** Whether it was told to end. */
  get isDismissed(): boolean {
    return this.#closeTimer !== undefined;
  }

  /** How long a message takes there and back, in milliseconds, once it was measured. */
  get roundTripMs(): number | undefined {
    return this.#session.roundTripMs;
  }

  /** Measures the round trip now, in milliseconds; `undefined` when nothing came back in time. */
  ping(options: { readonly timeoutMs: number }): Promise<number | undefined> {
    return this.#session.ping(options);
  }

  /** The connector serves other targets from now on, or their health has changed. */
  setTargets({ targets, unhealthy = [] }: ServedTargets): void {
    this.#facts = { ...this.#facts, targets, unhealthyTargets: unhealthy };
  }

  deliver(request: RelayRequest, options: DeliveryOptions): Delivery {
    return this.#session.deliver(request, options);
  }

  /** A delivery under way whose bodies may go by HTTP. */
  findHttpDelivery(deliveryId: string): HttpDelivery | undefined {
    return this.#session.findHttpDelivery(deliveryId);
  }

  /**
   * Applies settings while it is connected. What is under way stays, also when it is more than the new capacity.
   *
   * @returns Whether its capacity is another one now.
   */
  apply(applied: AppliedSettings): boolean {
    const previous = this.#applied;
    this.#applied = applied;
    if (!isSameSettings(previous.settings, applied.settings)) this.#session.configure(applied.settings);
    return previous.capacity !== applied.capacity;
  }

  /** Sends nothing more, lets what runs finish, then closes. */
  drain(reason: GoAwayReason, reconnect: Reconnect): void {
    this.#session.drain(reason, reconnect);
  }

  /** Drains it, but waits only so long for what runs. */
  dismiss({ reason, reconnect, withinMs }: Dismissal): void {
    if (this.#isOver || this.isDismissed) return;
    const code = reason === "disconnected" ? CloseCode.disconnected : CloseCode.authenticationFailed;
    this.#closeTimer = setTimeout(() => this.#session.close(code, reason), withinMs);
    this.#session.drain(reason, reconnect);
  }

  /** Ends it now. */
  close(code: number, reason: string): void {
    this.#session.close(code, reason);
  }
}
