/**
 * `service install`, `service uninstall`, `service status`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { dirname, resolve } from "node:path";
import { type Command, type CommandCall, type Io, UsageError } from "../../shared/cli/mod.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { escapeText } from "../../shared/log/text_format.ts";
import { type ConnectorConfig, connectorConfigSchema, ENV_PREFIX } from "../config.ts";
import { describePlan, performPlan, showCommand } from "../service/perform.ts";
import type { ServicePlan, ServicePlatform } from "../service/plan.ts";
import { servicePlatform } from "../service/platform.ts";

const DRY_RUN = { "dry-run": { summary: "Print what would be done, and do nothing" } };

/** The permissions of `deno task connector` that a service needs, for one that runs from its sources. */
const PERMISSIONS = ["--allow-net", "--allow-env", "--allow-read", "--allow-sys=hostname"];

/** Makes the three commands. */
export function serviceCommands(os: string = Deno.build.os): readonly Command<ConnectorConfig>[] {
  return [installCommand(os), uninstallCommand(os), statusCommand(os)];
}

function installCommand(os: string): Command<ConnectorConfig> {
  return {
    name: "service install",
    summary: "Install the connector as a service of this machine, and start it",
    options: DRY_RUN,
    ignoresConfiguration: true,
    async run(call) {
      const { config } = call.options;
      if (typeof config !== "string") {
        throw new UsageError("Missing --config FILE: a service needs its configuration in a file");
      }
      const platform = servicePlatform(os);
      const options = { program: programOf(), configFile: resolve(config) };
      checkConfiguration(options.configFile, call.io);
      const fault = platform.fault(options);
      if (fault !== undefined) throw new Error(`Cannot install the service: ${fault}`);
      await carryOut(platform.install(options), call, "installed and started");
    },
  };
}

function uninstallCommand(os: string): Command<ConnectorConfig> {
  return {
    name: "service uninstall",
    summary: "Stop the service and remove it from this machine",
    options: DRY_RUN,
    ignoresConfiguration: true,
    async run(call) {
      const platform = servicePlatform(os);
      if (!call.options["dry-run"] && !await isInstalled(platform)) {
        throw new Error("Cannot uninstall the service: it is not installed");
      }
      await carryOut(platform.uninstall(), call, "removed");
    },
  };
}

function statusCommand(os: string): Command<ConnectorConfig> {
  return {
    name: "service status",
    summary: "Show the state of the service; exit code 0 when it runs",
    ignoresConfiguration: true,
    async run({ io }) {
      const platform = servicePlatform(os);
      if (!await isInstalled(platform)) {
        io.output.writeError("The service is not installed\n");
        return 1;
      }
      return await showCommand(platform.status) === 0 ? 0 : 1;
    },
  };
}

/**
 * Loads the configuration as the service will: without flags, and in the folder of its file. A service that cannot start would only be found in
 * its log.
 */
function checkConfiguration(file: string, { env }: Io): void {
  const workingFolder = Deno.cwd();
  try {
    Deno.chdir(dirname(file));
  } catch {
    // The file is not there either.
  }
  try {
    loadConfig({ schema: connectorConfigSchema, file, env, envPrefix: ENV_PREFIX });
  } finally {
    Deno.chdir(workingFolder);
  }
}

async function carryOut(plan: ServicePlan, { io, options }: CommandCall<ConnectorConfig>, done: string): Promise<void> {
  if (options["dry-run"]) return io.output.write(describePlan(plan));
  if (Deno.build.os !== "windows" && Deno.uid() !== 0) {
    throw new Error("Cannot change services: only root may, so put sudo before the command");
  }
  await performPlan(plan);
  io.output.write(`The service is ${done}.\n${plan.notes.map((note) => `${escapeText(note)}\n`).join("")}`);
}

async function isInstalled({ definitionFile }: ServicePlatform): Promise<boolean> {
  try {
    return (await Deno.stat(definitionFile)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function programOf(): readonly [string, ...string[]] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  return [Deno.execPath(), "run", "--no-prompt", ...PERMISSIONS, main];
}
