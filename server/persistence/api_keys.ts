/**
 * Reads and writes the keys with which programs use the management API. Only hashes are stored.
 *
 * @module
 */

import { PersistenceError } from "./errors.ts";
import { NO_LIMIT, type Page, type PageOptions } from "./page.ts";
import type { ApiKeyTable, Database, Role } from "./schema.ts";
import { contains } from "./search.ts";

/** A key for a program, without its value. */
export interface ApiKey {
  /** UUID. */
  readonly id: string;
  /** Says what the key is for; never changes. */
  readonly name: string;
  /** As `server/auth/secret.ts` makes it; never shown. */
  readonly hash: string;
  readonly role: Role;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970; null when it does not expire. */
  readonly expiresAt: number | null;
  /** Milliseconds since 1970; null when it was never used. */
  readonly lastUsedAt: number | null;
}

/** What is said about a new key. */
export type NewApiKey = Pick<ApiKey, "name" | "hash" | "role" | "expiresAt">;

/** Which keys to list. */
export interface ListApiKeysOptions extends PageOptions {
  /** Only those whose name contains it, without regard to case. */
  readonly search?: string;
}

/** Reads and writes API keys. Names are matched without regard to case. */
export class ApiKeyRepository {
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

  /** The key with that id, if there is one. */
  async findById(id: string): Promise<ApiKey | undefined> {
    const row = await this.#db.selectFrom("api_keys").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toApiKey(row);
  }

  /** The key with that hash, expired or not, if there is one. */
  async findByHash(hash: string): Promise<ApiKey | undefined> {
    const row = await this.#db.selectFrom("api_keys").selectAll().where("hash", "=", hash).executeTakeFirst();
    return row && toApiKey(row);
  }

  /** The key of that name, if there is one. */
  async findByName(name: string): Promise<ApiKey | undefined> {
    const row = await this.#db.selectFrom("api_keys").selectAll().where("name_key", "=", name.toLowerCase())
      .executeTakeFirst();
    return row && toApiKey(row);
  }

  /** Keys ordered by name, expired ones too. */
  async list({ skip = 0, take = NO_LIMIT, search = "" }: ListApiKeysOptions = {}): Promise<Page<ApiKey>> {
    let found = this.#db.selectFrom("api_keys");
    if (search !== "") found = found.where(({ ref }) => contains(ref("name_key"), search));
    const rows = await found.selectAll().orderBy("name_key").offset(skip).limit(take).execute();
    const { count } = await found.select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    return { results: rows.map(toApiKey), totalCount: count };
  }

  /**
   * Adds a key.
   *
   * @throws {PersistenceError} `name_taken` when there is a key of that name.
   */
  async insert({ name, hash, role, expiresAt }: NewApiKey): Promise<ApiKey> {
    const row = await this.#db.insertInto("api_keys")
      .values({
        id: crypto.randomUUID(),
        name,
        name_key: name.toLowerCase(),
        hash,
        role,
        created_at: this.#now(),
        expires_at: expiresAt,
        last_used_at: null,
      })
      .onConflict((conflict) => conflict.column("name_key").doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) {
      throw new PersistenceError("name_taken", `Cannot add API key: there is a key "${name}" already`);
    }
    return toApiKey(row);
  }

  /** Notes that a key is used now. */
  async markUsed(id: string): Promise<void> {
    await this.#db.updateTable("api_keys").set({ last_used_at: this.#now() }).where("id", "=", id).execute();
  }

  /**
   * Removes a key.
   *
   * @returns Whether there was one.
   */
  async remove(id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db.deleteFrom("api_keys").where("id", "=", id).executeTakeFirstOrThrow();
    return numDeletedRows > 0n;
  }
}

function toApiKey(row: ApiKeyTable): ApiKey {
  return {
    id: row.id,
    name: row.name,
    hash: row.hash,
    role: row.role,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  };
}
