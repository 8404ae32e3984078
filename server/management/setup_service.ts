/**
 * The first administrator, made with the code that the server has logged.
 *
 * @module
 */

import { z } from "zod";
import type { User } from "../persistence/mod.ts";
import { parseInput } from "./input.ts";
import { ManagementError } from "./management_error.ts";
import type { Store } from "./store.ts";
import { newUserSchema, type UserService } from "./user_service.ts";

/** A code that works once. */
export interface SetupCodeKeeper {
  /** Whether there is a code to be redeemed. */
  readonly isOpen: boolean;
  /** Whether it was the right one; it does not work a second time. */
  redeem(code: string): Promise<boolean>;
  /** Makes another one and shows it to who runs the server. */
  renew(): void;
  /** No code works any more. */
  close(): void;
}

const setupSchema = newUserSchema.omit({ role: true }).extend({ code: z.string().max(500) });

/** What {@link SetupService} works with. */
export interface SetupServiceParts {
  readonly store: Pick<Store, "users">;
  readonly users: Pick<UserService, "create">;
  readonly setupCode: SetupCodeKeeper;
}

/** Makes the first administrator. */
export class SetupService {
  readonly #parts: SetupServiceParts;

  constructor(parts: SetupServiceParts) {
    this.#parts = parts;
  }

  /** Whether the first user is still to be made. */
  async isOpen(): Promise<boolean> {
    const { setupCode, store } = this.#parts;
    if (!setupCode.isOpen) return false;
    // Somebody may have made one by command.
    if ((await store.users.list({ take: 1 })).totalCount === 0) return true;
    setupCode.close();
    return false;
  }

  /**
   * Makes the administrator.
   *
   * @param input `code`, `name` and `password`.
   * @throws {ManagementError} `invalid_request` with every problem; `access_denied` when there is a user already.
   */
  async complete(input: unknown, { clientAddress }: { readonly clientAddress: string }): Promise<User> {
    const { setupCode, users } = this.#parts;
    const { code, ...user } = parseInput(setupSchema, input);
    if (!await this.isOpen()) throw new ManagementError("access_denied", "Cannot set up: there is a user already");
    if (!await setupCode.redeem(code)) {
      throw new ManagementError("invalid_request", "Cannot set up: the code is wrong", {
        problems: [{ in: "body", path: "code", message: "Is not the code in the server's log" }],
      });
    }
    try {
      const actor = { kind: "system", id: "setup", name: "first run", clientAddress } as const;
      return await users.create({ ...user, role: "admin" }, actor);
    } catch (error) {
      setupCode.renew();
      throw error;
    }
  }
}
