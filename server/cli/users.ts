/**
 * The commands `users ...`.
 *
 * @module
 */

import { type Command, type CommandCall, UsageError, writeSecret } from "../../shared/cli/mod.ts";
import { generatePassword, passwordProblem } from "../auth/mod.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { nameSchema } from "../management/input.ts";
import { COMMAND_ACTOR } from "../management/mod.ts";
import { openCommandDatabase } from "./command_database.ts";
import { parseRoleOption, ROLE_OPTION } from "./options.ts";
import { formatTable, formatTime } from "./table.ts";

const NAME = "NAME";

const add: Command<ServerConfig> = {
  name: "users add",
  summary: "Add a user of the management and print the password, alone on the last line of standard output",
  parameters: [NAME],
  options: {
    "role": ROLE_OPTION,
    "password-stdin": { summary: "Read the password from standard input instead of making one" },
  },
  async run(call) {
    const name = parseName(call.parameters[NAME]);
    const role = parseRoleOption(call.options);
    const given = await readPassword(call);
    const password = given ?? generatePassword();
    await using database = await openCommandDatabase(call);
    const user = await database.users.create({ name, role, password }, COMMAND_ACTOR);
    call.io.output.writeError(`Added user ${user.name} with the role ${user.role}.\n`);
    if (given === undefined) writeSecret(call.io.output, password);
  },
};

const list: Command<ServerConfig> = {
  name: "users list",
  summary: "List the users of the management",
  async run(call) {
    await using database = await openCommandDatabase(call);
    const { results } = await database.users.list({});
    const rows = results.map((
      user,
    ) => [user.name, user.role, formatTime(user.createdAt), formatTime(user.lastLoginAt)]);
    call.io.output.write(formatTable(["NAME", "ROLE", "CREATED", "LAST-LOGIN"], rows));
  },
};

const remove: Command<ServerConfig> = {
  name: "users remove",
  summary: "Remove a user and end its sessions",
  parameters: [NAME],
  async run(call) {
    await using database = await openCommandDatabase(call);
    const name = call.parameters[NAME] ?? "";
    const user = await database.store.users.findByName(name);
    if (user === undefined) throw new Error(`There is no user "${name}"`);
    await database.users.remove(user.id, COMMAND_ACTOR);
    call.io.output.writeError(`Removed user ${user.name}.\n`);
  },
};

/** The commands. */
export const userCommands: readonly Command<ServerConfig>[] = [add, list, remove];

/** @throws {UsageError} When it is no name of a user or a key. */
export function parseName(name = ""): string {
  const { data } = nameSchema.safeParse(name);
  if (data !== undefined) return data;
  throw new UsageError(`Wrong ${NAME}, expected 1 to 100 characters, no control characters, no spaces around it`);
}

/** Without the line break that comes with it. */
async function readPassword({ options, io }: CommandCall<ServerConfig>): Promise<string | undefined> {
  if (options["password-stdin"] !== true) return undefined;
  const password = (await io.readInput()).replace(/\r?\n$/, "");
  const problem = passwordProblem(password);
  if (problem !== undefined) throw new UsageError(`Wrong password: ${problem}`);
  return password;
}
