/**
 * Keeps tenants for a while, so that a relayed request does not cost a query, and longer while the database is away, so that relaying goes on.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { PersistenceError } from "./errors.ts";
import type { Tenant } from "./tenants.ts";

/** Where requests look tenants up. */
export interface TenantSource {
  /** Finds a tenant without regard to case. */
  findByName(name: string): Promise<Tenant | undefined>;
}

/** Where the cache gets what it does not have. */
export interface CachedTenants extends TenantSource {
  findById(id: string): Promise<Tenant | undefined>;
}

/** How a {@link TenantCache} works. */
export interface TenantCacheOptions {
  /** How long an entry holds, in milliseconds. */
  readonly durationMs: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Whether it is worth asking the source; always unless given. */
  readonly isSourceAvailable?: () => boolean;
}

/** Tenants kept at most. */
const MAX_ENTRIES = 20_000;
/** Names kept at most of which there is no tenant. Anybody can make them up, so they take no places from tenants. */
const MAX_UNKNOWN = 5_000;
/** How long a request for a known tenant waits for a source that is slow or away. */
const PATIENCE_MS = 500;
/** How long an old entry holds before the source is asked again. */
const STALE_DURATION_MS = 1_000;
const RETRY_AFTER_SECONDS = 5;

interface Entry {
  readonly tenant: Promise<Tenant | undefined>;
  expiresAt: number;
  /** What the source said last. */
  known: Tenant | undefined;
}

/**
 * Tenants by name, each as old as the cache's duration at most; while the source is away, as old as they are.
 *
 * Throws {@link RelayError} `transport_unavailable` for a tenant that is not known while the source is away.
 */
export class TenantCache implements CachedTenants {
  readonly #source: CachedTenants;
  readonly #options: TenantCacheOptions;
  readonly #entries = new Map<string, Entry>();
  /** Until when it holds that there is no tenant of that name. */
  readonly #unknown = new Map<string, number>();

  constructor(source: CachedTenants, options: TenantCacheOptions) {
    this.#source = source;
    this.#options = options;
  }

  findByName(name: string): Promise<Tenant | undefined> {
    const key = name.toLowerCase();
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.expiresAt > this.#options.now()) return entry.tenant;
    if ((this.#unknown.get(key) ?? -Infinity) > this.#options.now()) return Promise.resolve(undefined);
    return this.#ask(key, entry?.known);
  }

  /** The tenant as the source has it; when the source is away, as it was last seen. */
  async findById(id: string): Promise<Tenant | undefined> {
    try {
      if (!this.#isSourceAvailable()) throw unavailable();
      return await this.#source.findById(id);
    } catch (error) {
      const known = this.#entries.values().find((entry) => entry.known?.id === id)?.known;
      if (known === undefined) throw asRelayError(error);
      return known;
    }
  }

  /** A tenant has changed, and is so now: replaces it where it is kept, unless a later version is. */
  renew(tenant: Tenant): void {
    const key = tenant.name.toLowerCase();
    this.#unknown.delete(key);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    if (entry.known?.id === tenant.id && entry.known.version > tenant.version) return;
    const { durationMs, now } = this.#options;
    this.#entries.set(key, { tenant: Promise.resolve(tenant), expiresAt: now() + durationMs, known: tenant });
  }

  /** Drops a tenant that has changed in an unknown way, or is gone. */
  forget(name: string): void {
    this.#entries.delete(name.toLowerCase());
    this.#unknown.delete(name.toLowerCase());
  }

  /** Drops the tenant with that id, whatever its name. */
  forgetId(id: string): void {
    for (const [key, entry] of this.#entries) {
      if (entry.known?.id === id) this.#entries.delete(key);
    }
  }

  #ask(key: string, known: Tenant | undefined): Promise<Tenant | undefined> {
    const { durationMs, now } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Tenant | undefined>();
    const entry: Entry = { tenant: promise, expiresAt: now() + durationMs, known };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    makeRoom(this.#entries, MAX_ENTRIES);
    const useKnown = () => {
      entry.expiresAt = now() + STALE_DURATION_MS;
      resolve(known);
    };
    const patience = known === undefined ? undefined : setTimeout(useKnown, PATIENCE_MS);
    const asked = this.#isSourceAvailable() ? this.#source.findByName(key) : Promise.reject(unavailable());
    asked.then((tenant) => {
      entry.known = tenant;
      if (tenant === undefined) this.#noteUnknown(key, entry);
      resolve(tenant);
    }, (error) => {
      if (known !== undefined) return useKnown();
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      reject(asRelayError(error));
    }).finally(() => clearTimeout(patience));
    return promise;
  }

  #isSourceAvailable(): boolean {
    return this.#options.isSourceAvailable?.() ?? true;
  }

  #noteUnknown(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#unknown.delete(key);
    this.#unknown.set(key, entry.expiresAt);
    makeRoom(this.#unknown, MAX_UNKNOWN);
  }
}

/** What was looked up longest ago goes first. */
function makeRoom(entries: Map<string, unknown>, maximum: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= maximum) return;
    entries.delete(key);
  }
}

function unavailable(): PersistenceError {
  return new PersistenceError("database_unavailable", "Cannot find tenant: the database is unavailable");
}

function asRelayError(error: unknown): unknown {
  if (!(error instanceof PersistenceError) || error.code !== "database_unavailable") return error;
  return new RelayError("transport_unavailable", "The server cannot look the tenant up now", {
    cause: error,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
