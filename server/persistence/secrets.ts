/**
 * Reads and writes the secrets of tenants. Only hashes are stored.
 *
 * @module
 */

import { chunks } from "./chunks.ts";
import type { Database, SecretTable, SecretUse } from "./schema.ts";

/** A secret of a tenant, without its value. */
export interface Secret {
  /** UUID. */
  readonly id: string;
  readonly tenantId: string;
  /** As `server/auth/secret.ts` makes it. */
  readonly hash: string;
  readonly use: SecretUse;
  /** Milliseconds since 1970; null when it does not expire. */
  readonly expiresAt: number | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970, a minute exact; null when it was never used. */
  readonly lastUsedAt: number | null;
}

/** What is said about a new secret. */
export type NewSecret = Pick<Secret, "tenantId" | "hash" | "use" | "expiresAt">;

/** Reads and writes the secrets of tenants. */
export class SecretRepository {
  readonly #db: Database;
  readonly #now: () => number;

  /**
   * @param db A migrated database.
   * @param now The time in milliseconds since 1970.
   */
  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** The secret with that id, if there is one. */
  async findById(id: string): Promise<Secret | undefined> {
    const row = await this.#db.selectFrom("secrets").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toSecret(row);
  }

  /** A tenant's secrets, expired ones too, oldest first. */
  async listByTenant(tenantId: string): Promise<Secret[]> {
    const rows = await this.#db.selectFrom("secrets").selectAll().where("tenant_id", "=", tenantId)
      .orderBy("created_at").orderBy("id").execute();
    return rows.map(toSecret);
  }

  /**
   * Adds a secret.
   *
   * @throws {PersistenceError} `owner_missing` when there is no such tenant.
   */
  async insert({ tenantId, hash, use, expiresAt }: NewSecret): Promise<Secret> {
    const row = await this.#db.insertInto("secrets")
      .values({
        id: crypto.randomUUID(),
        tenant_id: tenantId,
        hash,
        use,
        expires_at: expiresAt,
        created_at: this.#now(),
        last_used_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toSecret(row);
  }

  /** Which of these ids are secrets. */
  async findExistingIds(ids: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (const some of chunks(ids)) {
      const rows = await this.#db.selectFrom("secrets").select("id").where("id", "in", some).execute();
      for (const { id } of rows) found.add(id);
    }
    return found;
  }

  /** Notes that a secret is used now. */
  async markUsed(id: string): Promise<void> {
    await this.#db.updateTable("secrets").set({ last_used_at: this.#now() }).where("id", "=", id).execute();
  }

  /**
   * Removes a secret of a tenant.
   *
   * @returns Whether the tenant had it.
   */
  async remove(tenantId: string, id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db.deleteFrom("secrets")
      .where("tenant_id", "=", tenantId).where("id", "=", id).executeTakeFirstOrThrow();
    return numDeletedRows > 0n;
  }
}

function toSecret(row: SecretTable): Secret {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    hash: row.hash,
    use: row.use,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  };
}
