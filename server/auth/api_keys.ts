/**
 * The keys with which programs use management: made here, and only their hashes are stored.
 *
 * A key that was found is remembered for some seconds, so that a program that asks often costs no query each time. A key that is removed here
 * is forgotten at once; one that is removed elsewhere counts that long.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import type { ApiKey } from "../persistence/mod.ts";
import type { Principal } from "./principal.ts";
import { generateSecret, hashesAreEqual, hashSecret } from "./secret.ts";

const PREFIX = "rsk_";
const API_KEY = /^rsk_[A-Za-z0-9_-]{43}$/;
const CACHE_DURATION_MS = 10_000;
const MAX_CACHED = 1_000;
/** How exact the time of the last use is. */
const LAST_USED_PRECISION_MS = 60_000;

const logger = getLogger("auth");

/** A new API key: `rsk_` and 256 random bits. The prefix lets scanners find keys that were published by mistake. */
export function generateApiKey(): string {
  return PREFIX + generateSecret();
}

/** The keys. */
export interface ApiKeyStore {
  /** The key with that hash, expired or not, if there is one. */
  findByHash(hash: string): Promise<ApiKey | undefined>;
  /** Notes that a key is used now. */
  markUsed(id: string): Promise<void>;
}

/** What {@link ApiKeys} works with. */
export interface ApiKeysOptions {
  readonly store: ApiKeyStore;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds, monotonic: how old what is remembered is. `performance.now` unless given. */
  readonly monotonicNow?: () => number;
}

interface Found {
  readonly key: ApiKey;
  /** Monotonic. */
  readonly foundAtMs: number;
  notedAt: number;
}

/** Tells whose API key it is. */
export class ApiKeys {
  readonly #options: ApiKeysOptions;
  readonly #monotonicNow: () => number;
  /** By hash; those found last stand last. */
  readonly #found = new Map<string, Found>();
  #forgotten = 0;

  constructor(options: ApiKeysOptions) {
    this.#options = options;
    this.#monotonicNow = options.monotonicNow ?? (() => performance.now());
  }

  /**
   * Whose key it is.
   *
   * @returns Undefined when it is unknown, expired or removed.
   */
  async verify(key: string): Promise<Principal | undefined> {
    if (!API_KEY.test(key)) return undefined;
    const hash = await hashSecret(key);
    const found = await this.#find(hash);
    const now = this.#options.now();
    if (found === undefined || (found.key.expiresAt !== null && found.key.expiresAt <= now)) return undefined;
    this.#noteUse(found, now);
    const { id, name, role } = found.key;
    return { kind: "api_key", id, name, role };
  }

  /** A key was removed, or its role changed: it no longer counts here as it was. */
  forget(id: string): void {
    this.#forgotten++;
    for (const [hash, { key }] of this.#found) {
      if (key.id === id) this.#found.delete(hash);
    }
  }

  async #find(hash: string): Promise<Found | undefined> {
    const nowMs = this.#monotonicNow();
    const known = this.#found.get(hash);
    if (known !== undefined && nowMs - known.foundAtMs < CACHE_DURATION_MS) return known;
    const forgotten = this.#forgotten;
    const key = await this.#options.store.findByHash(hash);
    this.#found.delete(hash);
    if (key === undefined || !hashesAreEqual(key.hash, hash)) return undefined;
    const found = {
      key,
      foundAtMs: nowMs,
      notedAt: Math.max(known?.notedAt ?? -Infinity, key.lastUsedAt ?? -Infinity),
    };
    // What was removed while it was being read is not remembered.
    if (forgotten === this.#forgotten) this.#found.set(hash, found);
    this.#makeRoom();
    return found;
  }

  /** The answer does not wait for this, nor depend on it. */
  #noteUse(found: Found, now: number): void {
    if (now - found.notedAt < LAST_USED_PRECISION_MS) return;
    found.notedAt = now;
    this.#options.store.markUsed(found.key.id)
      .catch((error: unknown) => logger.warn("Cannot note the use of an API key: {error}", { error }));
  }

  #makeRoom(): void {
    for (const hash of this.#found.keys()) {
      if (this.#found.size <= MAX_CACHED) return;
      this.#found.delete(hash);
    }
  }
}
