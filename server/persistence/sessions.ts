/**
 * Reads and writes the sessions of people who are logged in. Only hashes of their tokens are stored.
 *
 * @module
 */

import type { Database, SessionTable } from "./schema.ts";

/** A login of a user. */
export interface UserSession {
  /** Hash of the token that the browser keeps. */
  readonly tokenHash: string;
  readonly userId: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Milliseconds since 1970. */
  readonly lastSeenAt: number;
}

/** What is said about a new session. */
export type NewUserSession = Pick<UserSession, "tokenHash" | "userId" | "expiresAt">;

/** Reads and writes sessions. */
export class SessionRepository {
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

  /** The session of a token, expired or not, if there is one. */
  async findByTokenHash(tokenHash: string): Promise<UserSession | undefined> {
    const row = await this.#db.selectFrom("sessions").selectAll().where("token_hash", "=", tokenHash)
      .executeTakeFirst();
    return row && toSession(row);
  }

  /** The sessions of a user, expired ones too, oldest first. */
  async listByUser(userId: string): Promise<UserSession[]> {
    const rows = await this.#db.selectFrom("sessions").selectAll().where("user_id", "=", userId)
      .orderBy("created_at").orderBy("token_hash").execute();
    return rows.map(toSession);
  }

  /**
   * Adds a session.
   *
   * @throws {PersistenceError} `owner_missing` when there is no such user.
   */
  async insert({ tokenHash, userId, expiresAt }: NewUserSession): Promise<UserSession> {
    const now = this.#now();
    const row = await this.#db.insertInto("sessions")
      .values({ token_hash: tokenHash, user_id: userId, created_at: now, expires_at: expiresAt, last_seen_at: now })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toSession(row);
  }

  /**
   * Notes that a session is used now.
   *
   * @param changes `expiresAt` in milliseconds since 1970, when the use prolongs the session.
   */
  async markSeen(tokenHash: string, { expiresAt }: { readonly expiresAt?: number } = {}): Promise<void> {
    await this.#db.updateTable("sessions").set({ last_seen_at: this.#now(), expires_at: expiresAt })
      .where("token_hash", "=", tokenHash).execute();
  }

  /**
   * Removes a session.
   *
   * @returns Whether there was one.
   */
  async remove(tokenHash: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db.deleteFrom("sessions").where("token_hash", "=", tokenHash)
      .executeTakeFirstOrThrow();
    return numDeletedRows > 0n;
  }

  /**
   * Removes the sessions of a user, all or all but one.
   *
   * @returns How many there were.
   */
  async removeByUser(
    userId: string,
    { exceptTokenHash }: { readonly exceptTokenHash?: string } = {},
  ): Promise<number> {
    let removal = this.#db.deleteFrom("sessions").where("user_id", "=", userId);
    if (exceptTokenHash !== undefined) removal = removal.where("token_hash", "!=", exceptTokenHash);
    const { numDeletedRows } = await removal.executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }

  /**
   * Removes the sessions that have expired.
   *
   * @returns How many there were.
   */
  async pruneExpired(): Promise<number> {
    const { numDeletedRows } = await this.#db.deleteFrom("sessions").where("expires_at", "<=", this.#now())
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }
}

function toSession(row: SessionTable): UserSession {
  return {
    tokenHash: row.token_hash,
    userId: row.user_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastSeenAt: row.last_seen_at,
  };
}
