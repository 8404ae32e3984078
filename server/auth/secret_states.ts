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
}

/** A secret of a tenant. */
export interface SecretIdentity {
  readonly id: string;
  readonly tenantId: string;
}

interface Entry {
  /** Undefined when there is no such secret. */
  readonly secret: Pick<Secret, "tenantId" | "expiresAt"> | undefined;
  readonly readAt: number;
}

/** Knows which secrets count. */
export class SecretStates {
  readonly #options: SecretStatesOptions;
  /** By id; those read last stand last. */
  readonly #entries = new Map<string, Entry>();
  #forgotten = 0;

  constructor(options: SecretStatesOptions) {
    this.#options = options;
  }

  /**
   * Whether a tenant has this secret and it has not expired.
   *
   * @throws {RelayError} `authentication_unavailable` when nobody knows.
   */
  async isLive({ id, tenantId }: SecretIdentity): Promise<boolean> {
    const { now, durationMs } = this.#options;
    const known = this.#entries.get(id);
    const { secret } = known !== undefined && now() - known.readAt < durationMs ? known : await this.#read(id, known);
    return secret !== undefined && secret.tenantId === tenantId &&
      (secret.expiresAt === null || secret.expiresAt > now());
  }

  /** A secret was removed: what is known of it no longer counts. */
  forget(id: string): void {
    this.#forgotten++;
    this.#entries.delete(id);
  }

  async #read(id: string, known: Entry | undefined): Promise<Entry> {
    const forgotten = this.#forgotten;
    try {
      const entry = { secret: await this.#options.source.findById(id), readAt: this.#options.now() };
      // What was removed while it was being read is not remembered.
      if (forgotten === this.#forgotten) this.#remember(id, entry);
      return entry;
    } catch (cause) {
      if (known !== undefined) return known;
      throw new RelayError("authentication_unavailable", "The server cannot check tokens at present", { cause });
    }
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
