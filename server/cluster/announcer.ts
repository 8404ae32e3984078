/**
 * Tells the other origins who is connected here.
 *
 * @module
 */

import type { OriginMail } from "../transport/transport.ts";
import { encodeLetter, type PresenceLetter } from "./mail.ts";

/** Changes of presence are told together, after this long, in milliseconds. */
const ANNOUNCE_DELAY_MS = 20;

/** The connections of this origin that the others are told of. */
export interface AnnouncedConnections {
  /** Open connections of a tenant. */
  count(tenantId: string): number;
  /** Tenants with open connections. */
  tenantIds(): Iterable<string>;
  onChange(listener: (tenantId: string) => void): Disposable;
}

/** Who announces. */
export interface AnnouncerOptions {
  readonly origin: { readonly originId: string; readonly machineName: string; readonly version: string };
  /** Identifies the database. */
  readonly databaseId: string;
  /** Whether this origin has worked beside the others for a while. */
  readonly isSettled: () => boolean;
}

/** Announces changes a moment after they came, all of them together. */
export class Announcer implements Disposable {
  state: PresenceLetter["state"] = "ready";
  readonly #mail: OriginMail;
  readonly #connections: AnnouncedConnections;
  readonly #options: AnnouncerOptions;
  readonly #registration: Disposable;
  readonly #changedTenants = new Set<string>();
  /** What the others know, by tenant. */
  readonly #told = new Map<string, number>();
  #sequence = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    { mail, connections }: { readonly mail: OriginMail; readonly connections: AnnouncedConnections },
    options: AnnouncerOptions,
  ) {
    this.#mail = mail;
    this.#connections = connections;
    this.#options = options;
    this.#registration = connections.onChange((tenantId) => this.#changed(tenantId));
  }

  /** Tells everybody now. @param isComplete Whether all tenants are named, or those that have changed. */
  announce(isComplete: boolean): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sequence++;
    this.#mail.broadcast(encodeLetter(this.#present(isComplete)));
    this.#changedTenants.clear();
  }

  /** Tells one origin everything. */
  tell(originId: string): void {
    this.#mail.send(originId, encodeLetter(this.#present(true)));
  }

  /** Says good-bye. */
  [Symbol.dispose](): void {
    this.#registration[Symbol.dispose]();
    this.state = "stopped";
    this.announce(true);
  }

  #changed(tenantId: string): void {
    if (this.#told.get(tenantId) === this.#connections.count(tenantId)) return;
    this.#changedTenants.add(tenantId);
    this.#timer ??= setTimeout(() => this.announce(false), ANNOUNCE_DELAY_MS);
  }

  #present(isComplete: boolean): PresenceLetter {
    const counts: Record<string, number> = {};
    if (isComplete) this.#told.clear();
    for (const tenantId of isComplete ? this.#connections.tenantIds() : this.#changedTenants) {
      const count = counts[tenantId] = this.#connections.count(tenantId);
      if (count > 0) this.#told.set(tenantId, count);
      else this.#told.delete(tenantId);
    }
    const { origin, databaseId, isSettled } = this.#options;
    return {
      type: "presence",
      ...origin,
      databaseId,
      isSettled: isSettled(),
      state: this.state,
      sequence: this.#sequence,
      isComplete,
      readsBatches: true,
      connections: counts,
    };
  }
}
