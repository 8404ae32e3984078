/**
 * People who may use management.
 *
 * @module
 */

import { z } from "zod";
import { hashSecret, passwordProblem } from "../auth/mod.ts";
import { type Actor, type ListUsersOptions, type Page, ROLES, type User } from "../persistence/mod.ts";
import { record } from "./audit_trail.ts";
import { nameSchema } from "./input.ts";
import { ManagementError } from "./management_error.ts";
import type { Repositories, Store } from "./store.ts";

const passwordSchema = z.string().superRefine((password, context) => {
  const message = passwordProblem(password);
  if (message !== undefined) context.addIssue({ code: "custom", message });
}).meta({ writeOnly: true, minLength: 12, maxLength: 1_024 });

/** Schema of what is said about a new user. */
export const newUserSchema = z.strictObject({
  name: nameSchema.meta({ description: "Never changes; found without regard to case." }),
  role: z.enum(ROLES),
  password: passwordSchema,
}).meta({ id: "NewUser" });

/** What is said about a new user. */
export type NewUserInput = z.output<typeof newUserSchema>;

/** Schema of what can be changed about a user. */
export const userChangeSchema = z.strictObject({
  role: z.enum(ROLES).optional(),
  password: passwordSchema.optional().meta({ description: "A new one ends the user's sessions." }),
}).meta({ id: "UserChange", description: "What is absent keeps its value." });

/** What can be changed about a user. */
export type UserChangeInput = z.output<typeof userChangeSchema>;

/** Schema of what somebody says who wants another password. */
export const passwordChangeSchema = z.strictObject({
  password: z.string().max(2_000).meta({ writeOnly: true, description: "The present one." }),
  newPassword: passwordSchema,
}).meta({ id: "PasswordChange" });

/** A user as it is shown. */
export const userDocumentSchema = z.object({
  id: z.guid(),
  name: z.string(),
  role: z.enum(ROLES),
  created: z.iso.datetime(),
  updated: z.iso.datetime(),
  lastLogin: z.iso.datetime().nullable(),
}).meta({ id: "User" });

/** A user as it is shown. */
export type UserDocument = z.output<typeof userDocumentSchema>;

/** Shows a user, without the password. */
export function toUserDocument({ id, name, role, createdAt, updatedAt, lastLoginAt }: User): UserDocument {
  return {
    id,
    name,
    role,
    created: new Date(createdAt).toISOString(),
    updated: new Date(updatedAt).toISOString(),
    lastLogin: lastLoginAt === null ? null : new Date(lastLoginAt).toISOString(),
  };
}

/** What {@link UserService} works with. */
export interface UserServiceParts {
  readonly store: Store;
  /** Makes of a password what can be stored. */
  readonly hashPassword: (password: string) => Promise<string>;
}

/** Makes, lists, changes and removes users. */
export class UserService {
  readonly #store: Store;
  readonly #hashPassword: UserServiceParts["hashPassword"];

  constructor({ store, hashPassword }: UserServiceParts) {
    this.#store = store;
    this.#hashPassword = hashPassword;
  }

  /** Users ordered by name. */
  list(options: ListUsersOptions): Promise<Page<User>> {
    return this.#store.users.list(options);
  }

  /** @throws {ManagementError} `not_found`. */
  get(id: string): Promise<User> {
    return requireUser(this.#store, id);
  }

  /** @throws {PersistenceError} `name_taken` when there is a user of that name. */
  async create(input: NewUserInput, actor: Actor): Promise<User> {
    const { name, role, password } = input;
    const passwordHash = await this.#hashPassword(password);
    return await this.#store.transaction(async (repositories) => {
      const user = await repositories.users.insert({ name, role, passwordHash });
      await record(repositories, { actor, action: "user.create", subject: user, after: toUserDocument(user) });
      return user;
    });
  }

  /** @throws {ManagementError} `not_found`. */
  async update(
    id: string,
    { input, actor, sessionToken }: {
      readonly input: UserChangeInput;
      readonly actor: Actor;
      /** The session that goes on when the password is a new one. */
      readonly sessionToken?: string;
    },
  ): Promise<User> {
    const { role, password } = input;
    const passwordHash = password === undefined ? undefined : await this.#hashPassword(password);
    const changes = {
      ...(role === undefined ? {} : { role }),
      ...(passwordHash === undefined ? {} : { passwordHash }),
    };
    const kept = sessionToken === undefined ? {} : { exceptTokenHash: await hashSecret(sessionToken) };
    return await this.#store.transaction(async (repositories) => {
      const before = await requireUser(repositories, id);
      const user = await repositories.users.update(id, changes);
      if (user === undefined) throw userUnknown();
      if (passwordHash !== undefined) await repositories.sessions.removeByUser(id, kept);
      await record(repositories, {
        actor,
        action: "user.update",
        subject: user,
        before: toUserDocument(before),
        after: { ...toUserDocument(user), isPasswordNew: passwordHash !== undefined },
      });
      return user;
    });
  }

  /**
   * Removes a user. Sessions of that user end.
   *
   * @throws {ManagementError} `not_found`.
   */
  async remove(id: string, actor: Actor): Promise<void> {
    await this.#store.transaction(async (repositories) => {
      const user = await requireUser(repositories, id);
      if (!await repositories.users.remove(id)) throw userUnknown();
      await record(repositories, { actor, action: "user.remove", subject: user, before: toUserDocument(user) });
    });
  }
}

async function requireUser({ users }: Pick<Repositories, "users">, id: string): Promise<User> {
  const user = await users.findById(id);
  if (user === undefined) throw userUnknown();
  return user;
}

function userUnknown(): ManagementError {
  return new ManagementError("not_found", "There is no such user");
}
