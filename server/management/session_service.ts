/**
 * Logins of people, written down.
 *
 * @module
 */

import type { Actor } from "../persistence/mod.ts";
import { record } from "./audit_trail.ts";
import type { Login, LoginRequest, Principal, SessionKeeper } from "./credentials.ts";
import { ManagementError } from "./management_error.ts";
import type { Store } from "./store.ts";

/** What {@link SessionService} works with. */
export interface SessionServiceParts {
  readonly sessions: SessionKeeper;
  readonly store: Pick<Store, "audit">;
}

/** Begins and ends sessions. */
export class SessionService {
  readonly #sessions: SessionKeeper;
  readonly #store: SessionServiceParts["store"];

  constructor({ sessions, store }: SessionServiceParts) {
    this.#sessions = sessions;
    this.#store = store;
  }

  /**
   * Begins a session.
   *
   * @throws {ManagementError} `authentication_required` when name or password is wrong; `rate_limited` after too many failures.
   */
  async logIn(request: LoginRequest): Promise<Login> {
    const login = await this.#verified(request);
    if (login === undefined) {
      throw new ManagementError("authentication_required", "Cannot log in: name or password is wrong");
    }
    const { kind, id, name } = login.principal;
    const actor = { kind, id, name, clientAddress: request.clientAddress };
    await record(this.#store, { actor, action: "session.create", subject: login.principal });
    return login;
  }

  /** Ends a session. */
  async logOut(token: string, { principal, actor }: { readonly principal: Principal; readonly actor: Actor }) {
    await this.#sessions.logout(token);
    await record(this.#store, { actor, action: "session.remove", subject: principal });
  }

  async #verified(request: LoginRequest): Promise<Login | undefined> {
    try {
      return await this.#sessions.login(request);
    } catch (cause) {
      if (!(cause instanceof Error && "retryAfterSeconds" in cause)) throw cause;
      const retryAfterSeconds = Number(cause.retryAfterSeconds);
      throw new ManagementError("rate_limited", cause.message, { cause, retryAfterSeconds });
    }
  }
}
