/**
 * Logins of people: a session begins with name and password and ends with a logout, after some time without use, and after some time in all.
 *
 * The browser keeps a token of 256 random bits in a cookie; only its SHA-256 is stored.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import type { User, UserSession } from "../persistence/mod.ts";
import type { LoginAttempt } from "./login_throttle.ts";
import type { PasswordMatch } from "./passwords.ts";
import type { Principal } from "./principal.ts";
import { generateSecret, hashSecret } from "./secret.ts";

const HOUR_MS = 3_600_000;
/** How exact the end of an idle session is: it is written at most so often. */
const LAST_SEEN_PRECISION_MS = 60_000;
/** As `generateSecret` makes them. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

const logger = getLogger("auth");

/** The people. */
export interface UserStore {
  findById(id: string): Promise<User | undefined>;
  /** The user of that name, in any case, if there is one. */
  findByName(name: string): Promise<User | undefined>;
  update(id: string, changes: { readonly passwordHash: string; readonly version: number }): Promise<User | undefined>;
  markLoggedIn(id: string): Promise<void>;
}

/** Their sessions, by the hash of their token. */
export interface SessionStore {
  findByTokenHash(tokenHash: string): Promise<UserSession | undefined>;
  insert(session: Pick<UserSession, "tokenHash" | "userId" | "expiresAt">): Promise<UserSession>;
  markSeen(tokenHash: string, changes: { readonly expiresAt: number }): Promise<void>;
  remove(tokenHash: string): Promise<boolean>;
}

/** Compares passwords. */
export interface PasswordVerifier {
  hash(password: string): Promise<string>;
  verify(password: string, stored: string | undefined): Promise<PasswordMatch>;
}

/** Decides when an attempt to log in is made. */
export interface Throttle {
  /** @throws {ThrottledError} When it is not made. */
  run<T>(attempt: LoginAttempt, verify: () => Promise<T | undefined>): Promise<T | undefined>;
}

/** What {@link Sessions} works with. */
export interface SessionsOptions {
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly passwords: PasswordVerifier;
  readonly throttle: Throttle;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** A session that is not used for this long ends, in milliseconds; 1 h unless given. */
  readonly idleMs?: number;
  /** A session ends after this long, used or not, in milliseconds; 12 h unless given. */
  readonly absoluteMs?: number;
}

/** Who wants a session. */
export interface LoginRequest {
  readonly name: string;
  readonly password: string;
  readonly clientAddress: string;
}

/** A new session. */
export interface Login {
  /** Goes into the cookie and is stored nowhere else. */
  readonly token: string;
  /** Milliseconds since 1970; when it is not used it ends earlier. */
  readonly expiresAt: number;
  readonly principal: Principal;
}

/** Begins, checks and ends sessions. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #idleMs: number;
  readonly #absoluteMs: number;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#idleMs = options.idleMs ?? HOUR_MS;
    this.#absoluteMs = options.absoluteMs ?? 12 * HOUR_MS;
  }

  /**
   * Begins a session. That there is no such user takes as long as that the password is wrong, and looks the same.
   *
   * @returns Undefined when name or password is wrong.
   * @throws {ThrottledError} After too many failures.
   */
  async login(request: LoginRequest): Promise<Login | undefined> {
    const { sessions, users, now } = this.#options;
    const user = await this.#attempt(request);
    if (user === undefined) {
      logger.warn("A login from {clientAddress} failed", { clientAddress: request.clientAddress });
      return undefined;
    }
    const token = generateSecret();
    const tokenHash = await hashSecret(token);
    const startedAt = now();
    await sessions.insert({ tokenHash, userId: user.id, expiresAt: this.#expiry(startedAt, startedAt) });
    // Whoever replaces a password ends the sessions that there are, and this one may not have been among them.
    if (!await this.#isStillRight(request.password, user)) {
      await sessions.remove(tokenHash);
      return undefined;
    }
    await users.markLoggedIn(user.id);
    return { token, expiresAt: startedAt + this.#absoluteMs, principal: toPrincipal(user) };
  }

  /**
   * Whether name and password are right. Who has taken over a session can guess no faster than who logs in.
   *
   * @throws {ThrottledError} After too many failures.
   */
  async confirm(request: LoginRequest): Promise<boolean> {
    return await this.#attempt(request) !== undefined;
  }

  /**
   * Whose session it is, and keeps it from ending for lack of use.
   *
   * @returns Undefined when it is unknown or has ended, or its user is gone.
   */
  async verify(token: string): Promise<Principal | undefined> {
    if (!TOKEN.test(token)) return undefined;
    const { sessions, users, now } = this.#options;
    const tokenHash = await hashSecret(token);
    const session = await sessions.findByTokenHash(tokenHash);
    if (session === undefined) return undefined;
    if (session.expiresAt <= now()) {
      await sessions.remove(tokenHash);
      return undefined;
    }
    const user = await users.findById(session.userId);
    if (user === undefined) return undefined;
    if (now() - session.lastSeenAt >= Math.min(LAST_SEEN_PRECISION_MS, this.#idleMs / 2)) {
      await sessions.markSeen(tokenHash, { expiresAt: this.#expiry(session.createdAt, now()) });
    }
    return toPrincipal(user);
  }

  /** Ends a session; without effect when there is none. */
  async logout(token: string): Promise<void> {
    if (TOKEN.test(token)) await this.#options.sessions.remove(await hashSecret(token));
  }

  #expiry(createdAt: number, usedAt: number): number {
    return Math.min(createdAt + this.#absoluteMs, usedAt + this.#idleMs);
  }

  #attempt({ name, password, clientAddress }: LoginRequest): Promise<User | undefined> {
    return this.#options.throttle.run({ account: name, clientAddress }, () => this.#authenticate(name, password));
  }

  async #authenticate(name: string, password: string): Promise<User | undefined> {
    const { users, passwords } = this.#options;
    const user = await users.findByName(name);
    const { matches, isOutdated } = await passwords.verify(password, user?.passwordHash);
    if (user === undefined || !matches) return undefined;
    if (isOutdated) await this.#rehash(user, password);
    return user;
  }

  /** A password that has only been hashed anew is still the same. */
  async #isStillRight(password: string, { id, passwordHash }: User): Promise<boolean> {
    const { users, passwords } = this.#options;
    const present = await users.findById(id);
    if (present === undefined) return false;
    if (present.passwordHash === passwordHash) return true;
    return (await passwords.verify(password, present.passwordHash)).matches;
  }

  /** The login does not depend on it. */
  async #rehash({ id, version }: User, password: string): Promise<void> {
    const { users, passwords } = this.#options;
    try {
      await users.update(id, { passwordHash: await passwords.hash(password), version });
    } catch (error) {
      logger.warn("Cannot hash a password anew: {error}", { error });
    }
  }
}

function toPrincipal({ id, name, role }: User): Principal {
  return { kind: "user", id, name, role };
}
