/**
 * The commands `tenants secret ...`.
 *
 * @module
 */

import { type Command, writeSecret } from "../../shared/cli/mod.ts";
import { generateSecret, hashSecret } from "../auth/mod.ts";
import type { ServerConfig } from "../config.ts";
import { SECRET_USES, type SecretUse } from "../persistence/mod.ts";
import { formatTable } from "./table.ts";
import { openTenantDatabase, requireTenant } from "./tenant_database.ts";
import { parseDurationOption } from "./tenant_settings.ts";

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
    await using database = await openTenantDatabase(call);
    const tenant = await requireTenant(database, call.parameters[NAME]);
    const value = generateSecret();
    const secret = await database.secrets.insert({
      tenantId: tenant.id,
      hash: await hashSecret(value),
      use,
      expiresAt: lifetimeMs === undefined ? null : Date.now() + lifetimeMs,
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
    await using database = await openTenantDatabase(call);
    const tenant = await requireTenant(database, call.parameters[NAME]);
    const rows = (await database.secrets.listByTenant(tenant.id)).map((secret) => [
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
    await using database = await openTenantDatabase(call);
    const tenant = await requireTenant(database, call.parameters[NAME]);
    const id = call.parameters[ID] ?? "";
    if (!await database.secrets.remove(tenant.id, id)) {
      throw new Error(`Tenant "${tenant.name}" has no secret "${id}"`);
    }
    call.io.output.writeError(`Removed secret ${id} of tenant ${tenant.name}.\n`);
  },
};

/** The commands. */
export const tenantSecretCommands: readonly Command<ServerConfig>[] = [add, list, remove];

function formatTime(time: number | null): string {
  return time === null ? "" : new Date(time).toISOString();
}
