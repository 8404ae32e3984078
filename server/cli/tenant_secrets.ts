/**
 * The commands `tenants secret ...`.
 *
 * @module
 */

import { type Command, writeSecret } from "../../shared/cli/mod.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { COMMAND_ACTOR, ManagementError } from "../management/mod.ts";
import { SECRET_USES, type SecretUse } from "../persistence/mod.ts";
import { openCommandDatabase, requireTenant } from "./command_database.ts";
import { parseDurationOption } from "./options.ts";
import { formatTable, formatTime } from "./table.ts";

const NAME = "NAME";
const ID = "ID";

const add: Command<ServerConfig> = {
  name: "tenants secret add",
  summary: "Make a secret for a tenant and print it, alone on the last line of standard output",
  parameters: [NAME],
  options: {
    use: { summary: "Who is to use it (default connector)", value: "USE", choices: SECRET_USES },
    expires: { summary: "How long it is valid (default for ever)", value: "DURATION" },
  },
  async run(call) {
    const lifetimeMs = parseDurationOption(call.options, "expires");
    const use = (call.options.use as SecretUse | undefined) ?? "connector";
    await using database = await openCommandDatabase(call);
    const tenant = await requireTenant(database, call.parameters[NAME]);
    const expiration = lifetimeMs === undefined ? null : Date.now() + lifetimeMs;
    const { secret, value } = await database.secrets.create(tenant.name, {
      input: { use, expiration },
      actor: COMMAND_ACTOR,
    });
    const expiry = secret.expiresAt === null ? "does not expire" : `expires ${formatTime(secret.expiresAt)}`;
    call.io.output.writeError(`Secret ${secret.id} of tenant ${tenant.name}, for use as ${use}, ${expiry}.\n`);
    writeSecret(call.io.output, value);
  },
};

const list: Command<ServerConfig> = {
  name: "tenants secret list",
  summary: "List a tenant's secrets, without their values",
  parameters: [NAME],
  async run(call) {
    await using database = await openCommandDatabase(call);
    const tenant = await requireTenant(database, call.parameters[NAME]);
    const rows = (await database.secrets.list(tenant.name)).map((secret) => [
      secret.id,
      secret.use,
      formatTime(secret.createdAt),
      formatTime(secret.expiresAt),
      formatTime(secret.lastUsedAt),
    ]);
    call.io.output.write(formatTable(["ID", "USE", "CREATED", "EXPIRES", "LAST-USED"], rows));
  },
};

const remove: Command<ServerConfig> = {
  name: "tenants secret remove",
  summary: "Remove a secret of a tenant",
  parameters: [NAME, ID],
  async run(call) {
    await using database = await openCommandDatabase(call);
    const tenant = await requireTenant(database, call.parameters[NAME]);
    const id = call.parameters[ID] ?? "";
    try {
      await database.secrets.remove(tenant.name, { id, actor: COMMAND_ACTOR });
    } catch (cause) {
      if (!(cause instanceof ManagementError && cause.code === "not_found")) throw cause;
      throw new Error(`Tenant "${tenant.name}" has no secret "${id}"`, { cause });
    }
    call.io.output.writeError(`Removed secret ${id} of tenant ${tenant.name}.\n`);
  },
};

/** The commands. */
export const tenantSecretCommands: readonly Command<ServerConfig>[] = [add, list, remove];
