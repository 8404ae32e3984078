/**
 * Keeps tenants for a while, so that a relayed request does not cost a query.
 *
 * @module
 */

import type { Tenant } from "./tenants.ts";

/** Where the cache gets what it does not have. */
export interface TenantSource {
  /** Finds a tenant without regard to case. */
  findByName(name: string): Promise<Tenant | undefined>;
}

/** How a {@link TenantCache} works. */
export interface TenantCacheOptions {
  /** How long an entry holds, in milliseconds. */
  readonly durationMs: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Entries kept at most; names of tenants that do not exist take places too. */
const MAX_ENTRIES = 20_000;

interface Entry {
  /** Once it was found. */
  id: string | undefined;
  readonly tenant: Promise<Tenant | undefined>;
  readonly expiresAt: number;
}

/** Tenants by name, each as old as the cache's duration at most. */
export class TenantCache implements TenantSource {
  readonly #source: TenantSource;
  readonly #options: TenantCacheOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(source: TenantSource, options: TenantCacheOptions) {
    this.#source = source;
    this.#options = options;
  }

  findByName(name: string): Promise<Tenant | undefined> {
    const key = name.toLowerCase();
    const now = this.#options.now();
    const known = this.#entries.get(key);
    if (known !== undefined && known.expiresAt > now) return known.tenant;
    const tenant = this.#source.findByName(name);
    this.#entries.delete(key);
    const entry: Entry = { id: undefined, tenant, expiresAt: now + this.#options.durationMs };
    this.#entries.set(key, entry);
    tenant.then((found) => entry.id = found?.id, () => this.forget(name));
    this.#makeRoom();
    return tenant;
  }

  /** Drops a tenant whose settings have changed. */
  forget(name: string): void {
    this.#entries.delete(name.toLowerCase());
  }

  /** Drops the tenant with that id, whatever its name. */
  forgetId(id: string): void {
    for (const [key, entry] of this.#entries) {
      if (entry.id === id) this.#entries.delete(key);
    }
  }

  /** The entries that were looked up longest ago go first. */
  #makeRoom(): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES) return;
      this.#entries.delete(key);
    }
  }
}
