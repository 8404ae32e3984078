/**
 * When a tenant goes on or off line.
 *
 * @module
 */

import { Deadline, Deadlines } from "../../shared/time/deadlines.ts";

/** What can happen to a tenant. */
export const PRESENCE_EVENT_TYPES = ["tenant.online", "tenant.offline"] as const;

/** One of {@link PRESENCE_EVENT_TYPES}. */
export type PresenceEventType = typeof PRESENCE_EVENT_TYPES[number];

/** A tenant went on or off line. */
export interface PresenceEvent {
  readonly type: PresenceEventType;
  /** UUID. */
  readonly tenantId: string;
  readonly tenantName: string;
  /** When it was noticed, in milliseconds since 1970. */
  readonly atMs: number;
}

/** Who is connected. */
export interface ConnectedTenants {
  /** `undefined` when no connection of the tenant takes requests. Asked for every relayed request. */
  capacity(tenantId: string): number | undefined;
  /** The connections of a tenant. */
  list(tenantId: string): Iterable<{ readonly facts: { readonly tenantName: string } }>;
  /** Calls back whenever a tenant's capacity may have changed. */
  onChange(listener: (tenantId: string) => void): Disposable;
}

/** How {@link PresenceEvents} wait. */
export interface PresenceEventsOptions {
  /** How long a tenant may be away before it is off line, in milliseconds. */
  readonly graceMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

interface PresentTenant {
  readonly name: string;
  /** Runs while nothing of the tenant is connected. */
  readonly away: Deadline;
  isAway: boolean;
}

/**
 * Tells when the first connector of a tenant has connected, and when none has been connected for a while. A tenant that comes back in time has not
 * been away. Disposing ends it silently: a server that stops does not know whether its tenants are off line.
 */
export class PresenceEvents implements Disposable {
  readonly #connections: ConnectedTenants;
  readonly #now: () => number;
  readonly #deadlines: Deadlines;
  readonly #registration: Disposable;
  readonly #present = new Map<string, PresentTenant>();
  readonly #listeners = new Set<(event: PresenceEvent) => void>();

  constructor(connections: ConnectedTenants, { graceMs, now }: PresenceEventsOptions) {
    this.#connections = connections;
    this.#now = now;
    this.#deadlines = new Deadlines(graceMs);
    this.#registration = connections.onChange((tenantId) => this.#changed(tenantId));
  }

  /** Calls back for every event; what the listener throws reaches the connection that changed. */
  onEvent(listener: (event: PresenceEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#registration[Symbol.dispose]();
    this.#deadlines[Symbol.dispose]();
    this.#listeners.clear();
  }

  #changed(tenantId: string): void {
    const isConnected = this.#connections.capacity(tenantId) !== undefined;
    const tenant = this.#present.get(tenantId);
    if (tenant === undefined) {
      if (isConnected) this.#arrived(tenantId);
    } else if (tenant.isAway === isConnected) {
      tenant.isAway = !isConnected;
      if (isConnected) this.#deadlines.stop(tenant.away);
      else this.#deadlines.start(tenant.away);
    }
  }

  #arrived(tenantId: string): void {
    const [connection] = this.#connections.list(tenantId);
    const name = connection?.facts.tenantName ?? "";
    this.#present.set(tenantId, { name, isAway: false, away: new Deadline(() => this.#left(tenantId, name)) });
    this.#tell("tenant.online", tenantId, name);
  }

  #left(tenantId: string, name: string): void {
    this.#present.delete(tenantId);
    this.#tell("tenant.offline", tenantId, name);
  }

  #tell(type: PresenceEventType, tenantId: string, tenantName: string): void {
    const event = { type, tenantId, tenantName, atMs: this.#now() };
    for (const listener of this.#listeners) listener(event);
  }
}
