/**
 * Makes changes of tenants and secrets take effect on live connections: at once when it is told of them, and within the time that tenants are
 * cached when they were made elsewhere, on another server or by a command.
 *
 * @module
 */

import type { ConnectionSettings } from "../../shared/protocol/handshake_heads.ts";
import { getLogger } from "../../shared/log/mod.ts";
import type { Tenant } from "../persistence/tenants.ts";
import type { ConnectorConnection, Dismissal } from "./connection.ts";
import { settingsOf } from "./connection_settings.ts";
import type { ConnectionRegistry } from "./registry.ts";

const SHORTEST_INTERVAL_MS = 1_000;
/** Clocks of servers may differ by this much; a change is looked for that long after it was made. */
const CLOCK_SKEW_MS = 60_000;

const logger = getLogger("connectors");

/** Where tenants are looked up. */
export interface TenantStates {
  findById(id: string): Promise<Tenant | undefined>;
  /** Tenants made or changed at or after a moment, in milliseconds since 1970. */
  listChangedSince(updatedAtMs: number): Promise<Tenant[]>;
  /** Which of these ids are tenants. */
  findExistingIds(ids: readonly string[]): Promise<Set<string>>;
}

/** Where secrets are looked up. */
export interface SecretIds {
  /** Which of these ids are secrets. */
  findExistingIds(ids: readonly string[]): Promise<Set<string>>;
}

/** Copies that a change makes old. */
export interface Copies {
  /** A tenant has changed, and is so now. */
  renewTenant(tenant: Tenant): void;
  /** A tenant has changed or is gone. The name is given when it is known. */
  forgetTenant(tenant: { readonly id: string; readonly name?: string }): void;
  /** A secret is gone. */
  forgetSecret(secretId: string): void;
}

/** What {@link TenantWatch} works with. */
export interface TenantWatchParts {
  readonly registry: ConnectionRegistry;
  readonly tenants: TenantStates;
  readonly secrets: SecretIds;
  readonly copies: Copies;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** What {@link TenantWatch} is configured with. */
export interface TenantWatchOptions {
  /** What connectors are told that their tenant does not say otherwise. */
  readonly settings: ConnectionSettings;
  /** Changes made elsewhere take effect within this time, in milliseconds, but not within less than two seconds. */
  readonly withinMs: number;
  /** How long requests of a connection that must end may go on, in milliseconds. */
  readonly drainTimeoutMs: number;
}

/** Watches the tenants of the connections at this origin. */
export class TenantWatch implements AsyncDisposable {
  readonly #parts: TenantWatchParts;
  readonly #options: TenantWatchOptions;
  readonly #intervalMs: number;
  /** What it does at present. */
  readonly #running = new Set<Promise<void>>();
  /** Changes before this moment were seen, in milliseconds since 1970. */
  #seenUntil: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(parts: TenantWatchParts, options: TenantWatchOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#intervalMs = Math.max(SHORTEST_INTERVAL_MS, options.withinMs / 2);
    this.#seenUntil = parts.now();
  }

  /** Looks for changes made elsewhere from now on. */
  start(): void {
    this.#schedule();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#running);
  }

  /** A tenant was made or changed: what is connected gets its new settings, or has to leave. */
  tenantChanged(tenantId: string, tenantName?: string): void {
    this.#forget(tenantId, tenantName);
    this.#run(async () => {
      const tenant = await this.#parts.tenants.findById(tenantId);
      if (tenant === undefined) return this.#removed(tenantId);
      // A name that was looked up before its tenant was made is remembered as unknown.
      this.#parts.copies.renewTenant(tenant);
      this.#apply(tenant);
    });
  }

  /** A tenant is gone: so are its connections. */
  tenantRemoved(tenantId: string, tenantName?: string): void {
    this.#forget(tenantId, tenantName);
    this.#removed(tenantId);
  }

  /** A secret is gone: so are the connections that were made with it. */
  secretRemoved(tenantId: string, secretId: string): void {
    this.#parts.copies.forgetSecret(secretId);
    for (const connection of [...this.#parts.registry.list(tenantId)]) {
      if (connection.facts.secretId === secretId) this.#dismiss(connection, "authentication_failed");
    }
  }

  /** A connection was made: what has changed since its token was checked holds for it too. */
  connected({ facts: { tenantId, secretId } }: ConnectorConnection): void {
    this.#run(async () => {
      const { tenants, secrets } = this.#parts;
      const tenant = await tenants.findById(tenantId);
      if (tenant === undefined) return this.#removed(tenantId);
      this.#apply(tenant);
      if (secretId === null) return;
      const existing = await secrets.findExistingIds([secretId]);
      if (!existing.has(secretId)) this.secretRemoved(tenantId, secretId);
    });
  }

  #schedule(): void {
    if (this.#isOver) return;
    this.#timer = setTimeout(() => {
      this.#run(() => this.#look().finally(() => this.#schedule()));
    }, this.#intervalMs);
  }

  /** What fails is tried again with the next look. */
  #run(work: () => Promise<void>): void {
    if (this.#isOver) return;
    const running: Promise<void> = work()
      .catch((error) => logger.warn("Cannot look for changes of tenants: {error}", { error }))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #look(): Promise<void> {
    const { registry, tenants, now } = this.#parts;
    const lookedAt = now();
    const ids = [...registry.tenantIds()];
    if (ids.length > 0) {
      for (const tenant of await tenants.listChangedSince(this.#seenUntil - CLOCK_SKEW_MS)) {
        this.#parts.copies.renewTenant(tenant);
        this.#apply(tenant);
      }
      const existing = await tenants.findExistingIds(ids);
      for (const id of ids) if (!existing.has(id)) this.tenantRemoved(id);
      await this.#lookForSecrets();
    }
    this.#seenUntil = lookedAt;
  }

  async #lookForSecrets(): Promise<void> {
    const tenantOf = new Map<string, string>();
    for (const { facts: { tenantId, secretId } } of this.#parts.registry.list()) {
      if (secretId !== null) tenantOf.set(secretId, tenantId);
    }
    const existing = await this.#parts.secrets.findExistingIds([...tenantOf.keys()]);
    for (const [secretId, tenantId] of tenantOf) {
      if (!existing.has(secretId)) this.secretRemoved(tenantId, secretId);
    }
  }

  #forget(id: string, name: string | undefined): void {
    this.#parts.copies.forgetTenant(name === undefined ? { id } : { id, name });
  }

  #apply(tenant: Tenant): void {
    const { registry } = this.#parts;
    const applied = settingsOf(tenant, this.#options.settings);
    let isCapacityOther = false;
    for (const connection of [...registry.list(tenant.id)]) {
      if (!tenant.enabled) this.#dismiss(connection, "tenant_disabled");
      else isCapacityOther = connection.apply(applied) || isCapacityOther;
    }
    if (isCapacityOther) registry.changed(tenant.id);
  }

  #removed(tenantId: string): void {
    for (const connection of [...this.#parts.registry.list(tenantId)]) {
      this.#dismiss(connection, "authentication_failed");
    }
  }

  #dismiss(connection: ConnectorConnection, reason: Dismissal["reason"]): void {
    if (connection.isDismissed) return;
    const { id, tenantName } = connection.facts;
    logger.info("A connection of {tenant} must end: {reason}", { tenant: tenantName, connectionId: id, reason });
    connection.dismiss({ reason, reconnect: "later", withinMs: this.#options.drainTimeoutMs });
    this.#parts.registry.changed(connection.facts.tenantId);
  }
}
