/**
 * How management knows who asks.
 *
 * @module
 */

import type { Role } from "../persistence/mod.ts";

/** Somebody who may use management. */
export interface Principal {
  readonly kind: "user" | "api_key";
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** What somebody says who wants a session. */
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

/** Knows the keys of programs. */
export interface ApiKeyVerifier {
  /** Whose key it is; undefined when it is unknown, expired or removed. */
  verify(key: string): Promise<Principal | undefined>;
}

/** Knows people and their sessions. */
export interface SessionKeeper {
  /** Whose session it is; undefined when it is unknown, expired or ended. */
  verify(token: string): Promise<Principal | undefined>;
  /**
   * Begins a session.
   *
   * @returns Undefined when name or password is wrong.
   * @throws {Error} With `retryAfterSeconds` after too many failures.
   */
  login(request: LoginRequest): Promise<Login | undefined>;
  /**
   * Whether name and password are right.
   *
   * @throws {Error} With `retryAfterSeconds` after too many failures.
   */
  confirm(request: LoginRequest): Promise<boolean>;
  /** Ends a session; without effect when there is none. */
  logout(token: string): Promise<void>;
}

/** Knows who asks. Every member rejects when the database cannot be asked. */
export interface Credentials {
  readonly apiKeys: ApiKeyVerifier;
  readonly sessions: SessionKeeper;
}
