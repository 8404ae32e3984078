/**
 * The commands `tenants ...`.
 *
 * @module
 */

import { type Command, invocationOf, UsageError } from "../../shared/cli/mod.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { COMMAND_ACTOR, toTenantDocument } from "../management/mod.ts";
import { isTenantName } from "../persistence/mod.ts";
import { openCommandDatabase, requireTenant } from "./command_database.ts";
import { formatTable } from "./table.ts";
import { tenantSecretCommands } from "./tenant_secrets.ts";
import { parseTenantOptions, TENANT_OPTIONS } from "./tenant_settings.ts";

const NAME = "NAME";

const list: Command<ServerConfig> = {
  name: "tenants list",
  summary: "List the tenants",
  options: { search: { summary: "Only those whose name or display name contains it", value: "TEXT" } },
  async run(call) {
    await using database = await openCommandDatabase(call);
    const search = String(call.options.search ?? "");
    const { results } = await database.tenants.list({ search });
    const rows = results.map((tenant) => [
      tenant.name,
      tenant.enabled ? "enabled" : "disabled",
      tenant.displayName ?? "",
    ]);
    call.io.output.write(formatTable(["NAME", "STATE", "DISPLAY-NAME"], rows));
  },
};

const add: Command<ServerConfig> = {
  name: "tenants add",
  summary: "Add a tenant",
  parameters: [NAME],
  options: TENANT_OPTIONS,
  async run(call) {
    const name = call.parameters[NAME] ?? "";
    if (!isTenantName(name)) {
      throw new UsageError(
        `Wrong ${NAME}, expected 1 to 100 letters, digits, dots, underscores and hyphens, but neither . nor ..`,
      );
    }
    const settings = parseTenantOptions(call.options);
    await using database = await openCommandDatabase(call);
    const tenant = await database.tenants.create({ name, ...settings }, COMMAND_ACTOR);
    call.io.output.writeError(
      `Added tenant ${tenant.name}. Make a secret for its connector: ` +
        `${invocationOf("server")} tenants secret add ${tenant.name}\n`,
    );
  },
};

const show: Command<ServerConfig> = {
  name: "tenants show",
  summary: "Print a tenant's settings as JSON",
  parameters: [NAME],
  async run(call) {
    await using database = await openCommandDatabase(call);
    const tenant = await requireTenant(database, call.parameters[NAME]);
    call.io.output.write(`${JSON.stringify(toTenantDocument(tenant), null, 2)}\n`);
  },
};

const remove: Command<ServerConfig> = {
  name: "tenants remove",
  summary: "Remove a tenant and its secrets",
  parameters: [NAME],
  options: { "discard-queued": { summary: "Its queued requests and dead letters go with it" } },
  async run(call) {
    await using database = await openCommandDatabase(call);
    const tenant = await requireTenant(database, call.parameters[NAME]);
    const discardQueued = call.options["discard-queued"] === true;
    await database.tenants.remove(tenant.name, { actor: COMMAND_ACTOR, discardQueued });
    call.io.output.writeError(`Removed tenant ${tenant.name} and its secrets.\n`);
  },
};

/** The commands. */
export const tenantCommands: readonly Command<ServerConfig>[] = [list, add, show, remove, ...tenantSecretCommands];
