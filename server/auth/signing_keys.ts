/**
 * The keys that sign tokens: which one signs now, which ones still verify, when a new one is due.
 *
 * Several servers share the keys through the database. Each keeps a copy and reads it again after a minute, so a server may sign with a
 * replaced key for that long; a replaced key is kept accordingly.
 *
 * @module
 */

import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { getLogger } from "../../shared/log/mod.ts";
import type { StoredSigningKey } from "../persistence/mod.ts";

/** The only algorithm of the built-in issuer. */
export const SIGNING_ALGORITHM = "ES256";

const DAY_MS = 86_400_000;
const ROTATION_INTERVAL_MS = 30 * DAY_MS;
const RELOAD_INTERVAL_MS = 60_000;
/** Made-up key ids cost at most one query in this time. */
const UNKNOWN_KEY_RELOAD_INTERVAL_MS = 2_000;
/** For clocks that differ between servers, and for the tolerance of the verifier. */
const CLOCK_SKEW_MS = 60_000;

const logger = getLogger("auth");

/** Where the keys are kept. */
export interface SigningKeyStore {
  /** All keys, newest first; in the same order for every reader. */
  list(): Promise<StoredSigningKey[]>;
  insert(key: StoredSigningKey): Promise<void>;
  /** Does nothing when the key is gone already. */
  remove(kid: string): Promise<void>;
}

/** A key that signs. */
export interface ActiveSigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
}

/** What {@link SigningKeys} works with. */
export interface SigningKeysOptions {
  readonly store: SigningKeyStore;
  /** The longest lifetime of a token, in milliseconds. */
  readonly tokenLifetimeMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

interface LoadedKey extends ActiveSigningKey {
  readonly publicKey: CryptoKey;
  readonly publicJwk: JWK;
  readonly createdAt: number;
  /** Until when a token of this key can be valid, in milliseconds since 1970. */
  readonly verifiesUntil: number;
}

/** The keys that sign tokens. */
export class SigningKeys {
  readonly #options: SigningKeysOptions;
  #keys: readonly LoadedKey[] = [];
  #loadedAt = -Infinity;
  #unknownKeyAt = -Infinity;
  #loading: Promise<void> | undefined;
  #adding: Promise<void> | undefined;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /** The key that signs: the newest. The first call makes one when there is none. */
  async active(): Promise<ActiveSigningKey> {
    await this.#reloadAfter(RELOAD_INTERVAL_MS);
    if (this.#keys.length === 0) await this.#add();
    const [newest] = this.#keys;
    if (newest === undefined) throw new Error("Cannot sign: there is no signing key");
    return newest;
  }

  /** The public key with that id, if tokens signed with it can still be valid. */
  async find(kid: string): Promise<CryptoKey | undefined> {
    const isWanted = (key: LoadedKey) => key.kid === kid;
    await this.#reloadAfter(RELOAD_INTERVAL_MS);
    if (!this.#keys.some(isWanted)) await this.#reloadForUnknownKey();
    return this.#verifying().find(isWanted)?.publicKey;
  }

  /** The public keys as a JWK set (RFC 7517), newest first. */
  async jwks(): Promise<{ keys: JWK[] }> {
    await this.active();
    return { keys: this.#verifying().map((key) => key.publicJwk) };
  }

  /**
   * Makes a new key when the newest is 30 days old, and removes those whose last token has expired. To be called now and then by every
   * server; when two find a new key due at the same moment there are two new ones, which does no harm.
   *
   * @returns Whether there is a new key.
   */
  async rotateIfDue(): Promise<boolean> {
    await this.#reload();
    const now = this.#options.now();
    const [newest] = this.#keys;
    const isDue = newest === undefined || now - newest.createdAt >= ROTATION_INTERVAL_MS;
    if (isDue) await this.#add();
    const expired = this.#keys.filter((key) => key.verifiesUntil <= now);
    for (const { kid } of expired) await this.#options.store.remove(kid);
    return isDue;
  }

  #verifying(): LoadedKey[] {
    const now = this.#options.now();
    return this.#keys.filter((key) => now < key.verifiesUntil);
  }

  async #add(): Promise<void> {
    this.#adding ??= this.#makeKey().finally(() => this.#adding = undefined);
    await this.#adding;
  }

  async #makeKey(): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
    const publicJwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    const published = { ...publicJwk, kid, alg: SIGNING_ALGORITHM, use: "sig" };
    await this.#options.store.insert({
      kid,
      algorithm: SIGNING_ALGORITHM,
      privateJwk: JSON.stringify({ ...await exportJWK(privateKey), kid, alg: SIGNING_ALGORITHM }),
      publicJwk: JSON.stringify(published),
      createdAt: this.#options.now(),
    });
    logger.info("Made a new signing key {kid}", { kid });
    // Another server may have made one at the same moment: read which one is the newest for everybody.
    await this.#reload();
  }

  async #reloadAfter(ageMs: number): Promise<void> {
    if (isWithin(this.#options.now() - this.#loadedAt, ageMs)) return;
    try {
      await this.#reload();
    } catch (error) {
      if (this.#keys.length === 0) throw error;
      // Without the database the last known keys count.
      this.#loadedAt = this.#options.now();
      logger.warn("Cannot read signing keys, the known ones are used: {error}", { error });
    }
  }

  /** At once for the first, so that a token of a key that another server has just made is not refused. */
  async #reloadForUnknownKey(): Promise<void> {
    const now = this.#options.now();
    if (isWithin(now - this.#unknownKeyAt, UNKNOWN_KEY_RELOAD_INTERVAL_MS)) return;
    this.#unknownKeyAt = now;
    await this.#reloadAfter(0);
  }

  async #reload(): Promise<void> {
    this.#loading ??= this.#load().finally(() => this.#loading = undefined);
    await this.#loading;
  }

  async #load(): Promise<void> {
    const stored = await this.#options.store.list();
    const known = new Map(this.#keys.map((key) => [key.kid, key]));
    const graceMs = this.#options.tokenLifetimeMs + RELOAD_INTERVAL_MS + CLOCK_SKEW_MS;
    this.#keys = await Promise.all(stored.map(async (key, index) => {
      const successor = stored[index - 1];
      const verifiesUntil = successor === undefined ? Infinity : successor.createdAt + graceMs;
      return { ...known.get(key.kid) ?? await importKey(key), verifiesUntil };
    }));
    this.#loadedAt = this.#options.now();
  }
}

/** A clock that was set back says nothing of how old something is. */
function isWithin(ageMs: number, limitMs: number): boolean {
  return ageMs >= 0 && ageMs < limitMs;
}

async function importKey(stored: StoredSigningKey): Promise<Omit<LoadedKey, "verifiesUntil">> {
  const publicJwk: JWK = JSON.parse(stored.publicJwk);
  const [privateKey, publicKey] = await Promise.all([
    importEllipticKey(JSON.parse(stored.privateJwk)),
    importEllipticKey(publicJwk),
  ]);
  return { kid: stored.kid, privateKey, publicKey, publicJwk, createdAt: stored.createdAt };
}

async function importEllipticKey(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK(jwk, SIGNING_ALGORITHM);
  if (key instanceof Uint8Array) throw new TypeError("Cannot read signing key: it is not an elliptic curve key");
  return key;
}
