/**
 * Reads and writes the people who may use the management API.
 *
 * @module
 */

import { PersistenceError, versionConflict } from "./errors.ts";
import { NO_LIMIT, type Page, type PageOptions } from "./page.ts";
import type { Database, Role, UserTable } from "./schema.ts";
import { contains } from "./search.ts";

/** A person who may use the management API. */
export interface User {
  /** UUID. */
  readonly id: string;
  /** As it was spelled when the user was made; never changes. */
  readonly name: string;
  /** As `server/auth` makes it; never shown. */
  readonly passwordHash: string;
  readonly role: Role;
  /** 1 at first, raised by every change. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  /** Milliseconds since 1970; null when there was no login yet. */
  readonly lastLoginAt: number | null;
}

/** What is said about a new user. */
export type NewUser = Pick<User, "name" | "passwordHash" | "role">;

/** What can be changed about a user. */
export type UserChanges = Partial<Pick<User, "passwordHash" | "role">>;

/** Which users to list. */
export interface ListUsersOptions extends PageOptions {
  /** Only those whose name contains it, without regard to case. */
  readonly search?: string;
}

/** Reads and writes users. Names are matched without regard to case. */
export class UserRepository {
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

  /** The user with that id, if there is one. */
  async findById(id: string): Promise<User | undefined> {
    const row = await this.#db.selectFrom("users").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toUser(row);
  }

  /** The user of that name, if there is one. */
  async findByName(name: string): Promise<User | undefined> {
    // Nobody is called so, and PostgreSQL cannot even be asked.
    if (name.includes("\0")) return undefined;
    const row = await this.#db.selectFrom("users").selectAll().where("name_key", "=", name.toLowerCase())
      .executeTakeFirst();
    return row && toUser(row);
  }

  /** Users ordered by name. */
  async list({ skip = 0, take = NO_LIMIT, search = "" }: ListUsersOptions = {}): Promise<Page<User>> {
    let found = this.#db.selectFrom("users");
    if (search !== "") found = found.where(({ ref }) => contains(ref("name_key"), search));
    const rows = await found.selectAll().orderBy("name_key").offset(skip).limit(take).execute();
    const { count } = await found.select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    return { results: rows.map(toUser), totalCount: count };
  }

  /** How many users have a role. */
  async countByRole(role: Role): Promise<number> {
    const { count } = await this.#db.selectFrom("users").where("role", "=", role)
      .select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
    return count;
  }

  /**
   * Adds a user.
   *
   * @throws {PersistenceError} `name_taken` when there is a user of that name.
   */
  async insert({ name, passwordHash, role }: NewUser): Promise<User> {
    const now = this.#now();
    const row = await this.#db.insertInto("users")
      .values({
        id: crypto.randomUUID(),
        name,
        name_key: name.toLowerCase(),
        password_hash: passwordHash,
        role,
        version: 1,
        created_at: now,
        updated_at: now,
        last_login_at: null,
      })
      .onConflict((conflict) => conflict.column("name_key").doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) {
      throw new PersistenceError("name_taken", `Cannot add user: there is a user "${name}" already`);
    }
    return toUser(row);
  }

  /**
   * Changes a user; what is not given keeps its value.
   *
   * @param changes What changes, and in `version` the version that was read, if a change in between must not be overwritten.
   * @returns The user as it is now, or undefined when there is none with that id.
   * @throws {PersistenceError} `version_conflict` when the user has another version.
   */
  async update(
    id: string,
    { version, passwordHash, role }: UserChanges & { readonly version?: number },
  ): Promise<User | undefined> {
    let update = this.#db.updateTable("users")
      .set(({ eb }) => ({ password_hash: passwordHash, role, updated_at: this.#now(), version: eb("version", "+", 1) }))
      .where("id", "=", id);
    if (version !== undefined) update = update.where("version", "=", version);
    const row = await update.returningAll().executeTakeFirst();
    if (row !== undefined) return toUser(row);
    if (version !== undefined && await this.findById(id) !== undefined) throw versionConflict("user");
    return undefined;
  }

  /** Notes that a user logs in now; this is no change of the user. */
  async markLoggedIn(id: string): Promise<void> {
    await this.#db.updateTable("users").set({ last_login_at: this.#now() }).where("id", "=", id).execute();
  }

  /**
   * Removes a user and its sessions.
   *
   * @returns Whether there was one.
   */
  async remove(id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db.deleteFrom("users").where("id", "=", id).executeTakeFirstOrThrow();
    return numDeletedRows > 0n;
  }
}

function toUser(row: UserTable): User {
  return {
    id: row.id,
    name: row.name,
    passwordHash: row.password_hash,
    role: row.role,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastLoginAt: row.last_login_at,
  };
}
