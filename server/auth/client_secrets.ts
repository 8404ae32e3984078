/**
 * Finds out which of a tenant's secrets a text is: what makes a secret an API key of a caller that an access policy names.
 *
 * The secrets of a tenant are remembered for some seconds, so that not every request costs a query. While the database is away what was known
 * last counts.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { getLogger } from "../../shared/log/logger.ts";
import type { Secret } from "../persistence/mod.ts";
import { hashesAreEqual, hashSecret } from "./secret.ts";

const logger = getLogger("auth");
const MAX_TENANTS = 1_000;
/** How exact the time of the last use is. */
const LAST_USED_PRECISION_MS = 60_000;
const MAX_LENGTH = 200;

/** The secrets of tenants. */
export interface ClientSecretStore {
  /** A tenant's secrets, expired ones too. */
  listByTenant(tenantId: string): Promise<readonly Secret[]>;
  /** Notes that a secret is used now. */
  markUsed(id: string): Promise<void>;
}

/** What {@link TenantClientSecrets} works with. */
export interface TenantClientSecretsOptions {
  readonly store: ClientSecretStore;
  /** How long a removed secret may still count, in milliseconds. */
  readonly cacheDurationMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds, monotonic: how old what is remembered is. `performance.now` unless given. */
  readonly monotonicNow?: () => number;
}

interface Known {
  readonly secrets: readonly Secret[];
  /** Monotonic. */
  readonly readAtMs: number;
  /** Ids with the time when their use was noted. */
  readonly notedAt: Map<string, number>;
}

/** Knows the secrets for the use `client`. */
export class TenantClientSecrets {
  readonly #options: TenantClientSecretsOptions;
  readonly #monotonicNow: () => number;
  /** By tenant id; those read last stand last. */
  readonly #known = new Map<string, Known>();
  #forgotten = 0;

  constructor(options: TenantClientSecretsOptions) {
    this.#options = options;
    this.#monotonicNow = options.monotonicNow ?? (() => performance.now());
  }

  /**
   * Finds out which secret of a tenant a text is.
   *
   * @returns Its id; `undefined` when the tenant has no such secret for the use `client`, or it has expired.
   * @throws {RelayError} `authentication_unavailable` when nobody knows.
   */
  async verify(tenantId: string, secret: string): Promise<string | undefined> {
    if (secret.length > MAX_LENGTH) return undefined;
    const hash = await hashSecret(secret);
    const known = await this.#secretsOf(tenantId);
    const now = this.#options.now();
    // All are compared, so that the time does not tell which one it was.
    const [found] = known.secrets.filter((candidate) => hashesAreEqual(candidate.hash, hash));
    if (found === undefined || found.use !== "client") return undefined;
    if (found.expiresAt !== null && found.expiresAt <= now) return undefined;
    this.#noteUse(found, known.notedAt);
    return found.id;
  }

  /** Secrets have changed here: all are read anew. */
  forgetAll(): void {
    this.#forgotten++;
    this.#known.clear();
  }

  async #secretsOf(tenantId: string): Promise<Known> {
    const { store, cacheDurationMs } = this.#options;
    const readAtMs = this.#monotonicNow();
    const known = this.#known.get(tenantId);
    if (known !== undefined && readAtMs - known.readAtMs < cacheDurationMs) return known;
    const forgotten = this.#forgotten;
    const secrets = await store.listByTenant(tenantId).catch((error) => {
      if (known === undefined) {
        throw new RelayError("authentication_unavailable", "The server cannot check secrets at present", {
          cause: error,
        });
      }
      logger.warn("Cannot read the secrets of a tenant, what was known last counts: {error}", { tenantId, error });
      return known.secrets;
    });
    const fresh = { secrets, readAtMs, notedAt: known?.notedAt ?? new Map<string, number>() };
    // What was removed while it was being read is not remembered.
    if (forgotten !== this.#forgotten) return fresh;
    this.#known.delete(tenantId);
    this.#known.set(tenantId, fresh);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_TENANTS && oldest !== undefined) this.#known.delete(oldest);
    return fresh;
  }

  /** The answer does not wait for this, nor depend on it. */
  #noteUse({ id, lastUsedAt }: Secret, notedAt: Map<string, number>): void {
    const now = this.#options.now();
    if (now - (notedAt.get(id) ?? lastUsedAt ?? -Infinity) < LAST_USED_PRECISION_MS) return;
    notedAt.set(id, now);
    this.#options.store.markUsed(id)
      .catch((error: unknown) => logger.warn("Cannot note the use of a secret: {error}", { error }));
  }
}
