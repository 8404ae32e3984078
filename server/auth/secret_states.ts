/**
 * Whether the secret that a token was got with still counts, so that a token does not outlive it.
 *
 * What was read is remembered for as long as tenants are. While the database is away what was known last counts.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { Secret } from "../persistence/mod.ts";

const MAX_ENTRIES = 20_000;
/** How long a request whose secret is known waits for a database that is slow or away, in milliseconds. */
const PATIENCE_MS = 500;
/** How long what was known before counts then, before the database is asked again, in milliseconds. */
const STALE_DURATION_MS = 1_000;

/** Where secrets are looked up. */
export interface SecretSource {
  /** The secret with that id, if there is one. */
  findById(id: string): Promise<Pick<Secret, "tenantId" | "expiresAt"> | undefined>;
}

/** What {@link SecretStates} works with. */
export interface SecretStatesOptions {
  readonly source: SecretSource;
  /** How long what was read counts, in milliseconds. */
  readonly durationMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds, monotonic: how old what is remembered is. `performance.now` unless given. */
  readonly monotonicNow?: () => number;
}

/** A secret of a tenant. */
export interface SecretIdentity {
  readonly id: string;
  readonly tenantId: string;
}

interface Entry {
  /** Undefined when there is no such secret. */
  readonly secret: Pick<Secret, "tenantId" | "expiresAt"> | undefined;
  /** Until when it counts: milliseconds, monotonic. */
  readonly untilMs: number;
}

/** Knows which secrets count. */
export class SecretStates {
  readonly #options: SecretStatesOptions;
  readonly #monotonicNow: () => number;
  /** By id; those read last stand last. */
  readonly #entries = new Map<string, Entry>();
  #forgotten = 0;

  constructor(options: SecretStatesOptions) {
    this.#options = options;
    this.#monotonicNow = options.monotonicNow ?? (() => performance.now());
  }

  /**
   * Whether a tenant has this secret and it has not expired.
   *
   * @throws {RelayError} `authentication_unavailable` when nobody knows.
   */
  async isLive({ id, tenantId }: SecretIdentity): Promise<boolean> {
    const { now } = this.#options;
    const known = this.#entries.get(id);
    const { secret } = known !== undefined && this.#monotonicNow() < known.untilMs
      ? known
      : await this.#read(id, known);
    return secret !== undefined && secret.tenantId === tenantId &&
      (secret.expiresAt === null || secret.expiresAt > now());
  }

  /** A secret was removed: what is known of it no longer counts. */
  forget(id: string): void {
    this.#forgotten++;
    this.#entries.delete(id);
  }

  async #read(id: string, known: Entry | undefined): Promise<Entry> {
    const { source, durationMs } = this.#options;
    const forgotten = this.#forgotten;
    const reading = source.findById(id).then((secret) => {
      const entry = { secret, untilMs: this.#monotonicNow() + durationMs };
      // What was removed while it was being read is not remembered.
      if (forgotten === this.#forgotten) this.#remember(id, entry);
      return entry;
    });
    if (known !== undefined) return await this.#withPatience(id, reading, known);
    try {
      return await reading;
    } catch (cause) {
      throw new RelayError("authentication_unavailable", "The server cannot check tokens at present", { cause });
    }
  }

  async #withPatience(id: string, reading: Promise<Entry>, known: Entry): Promise<Entry> {
    const forgotten = this.#forgotten;
    const { promise: impatient, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
    const entry = await Promise.race([reading.catch(() => undefined), impatient]);
    clearTimeout(timer);
    if (entry !== undefined) return entry;
    const stale = { ...known, untilMs: this.#monotonicNow() + STALE_DURATION_MS };
    if (forgotten === this.#forgotten) this.#remember(id, stale);
    return stale;
  }

  #remember(id: string, entry: Entry): void {
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES) return;
      this.#entries.delete(oldest);
    }
  }
}
