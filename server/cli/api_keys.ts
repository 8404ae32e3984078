/**
 * The commands `api-keys ...`.
 *
 * @module
 */

import { type Command, writeSecret } from "../../shared/cli/mod.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { COMMAND_ACTOR } from "../management/mod.ts";
import { openCommandDatabase } from "./command_database.ts";
import { parseDurationOption, parseRoleOption, ROLE_OPTION } from "./options.ts";
import { formatTable, formatTime } from "./table.ts";
import { parseName } from "./users.ts";

const NAME = "NAME";

const add: Command<ServerConfig> = {
  name: "api-keys add",
  summary: "Make an API key for a program and print it, alone on the last line of standard output",
  parameters: [NAME],
  options: {
    role: ROLE_OPTION,
    expires: { summary: "How long it is valid (default for ever)", value: "DURATION" },
  },
  async run(call) {
    const name = parseName(call.parameters[NAME]);
    const role = parseRoleOption(call.options);
    const lifetimeMs = parseDurationOption(call.options, "expires");
    const expiration = lifetimeMs === undefined ? null : Date.now() + lifetimeMs;
    await using database = await openCommandDatabase(call);
    const { apiKey, value } = await database.apiKeys.create({ name, role, expiration }, COMMAND_ACTOR);
    const expiry = apiKey.expiresAt === null ? "does not expire" : `expires ${formatTime(apiKey.expiresAt)}`;
    call.io.output.writeError(`API key ${apiKey.name} with the role ${apiKey.role}, ${expiry}.\n`);
    writeSecret(call.io.output, value);
  },
};

const list: Command<ServerConfig> = {
  name: "api-keys list",
  summary: "List the API keys, without their values",
  async run(call) {
    await using database = await openCommandDatabase(call);
    const { results } = await database.apiKeys.list({});
    const rows = results.map((key) => [
      key.name,
      key.role,
      formatTime(key.createdAt),
      formatTime(key.expiresAt),
      formatTime(key.lastUsedAt),
    ]);
    call.io.output.write(formatTable(["NAME", "ROLE", "CREATED", "EXPIRES", "LAST-USED"], rows));
  },
};

const remove: Command<ServerConfig> = {
  name: "api-keys remove",
  summary: "Remove an API key",
  parameters: [NAME],
  async run(call) {
    await using database = await openCommandDatabase(call);
    const name = call.parameters[NAME] ?? "";
    const apiKey = await database.store.apiKeys.findByName(name);
    if (apiKey === undefined) throw new Error(`There is no API key "${name}"`);
    await database.apiKeys.remove(apiKey.id, COMMAND_ACTOR);
    call.io.output.writeError(`Removed API key ${apiKey.name}.\n`);
  },
};

/** The commands. */
export const apiKeyCommands: readonly Command<ServerConfig>[] = [add, list, remove];
