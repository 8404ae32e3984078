/**
 * The connector as a program: its commands.
 *
 * @module
 */

import { invocationOf, type Program } from "../../shared/cli/mod.ts";
import { describeBuild } from "../../shared/build_facts.ts";
import { type ConnectorConfig, connectorConfigSchema, ENV_PREFIX } from "../config.ts";
import { confined } from "./confine.ts";
import { configImport } from "./config_import.ts";
import { configShow } from "./config_show.ts";
import { diagnose } from "./diagnose.ts";
import { run, type RunOptions } from "./run.ts";
import { serviceCommands } from "./service.ts";
import { targets } from "./targets.ts";

/** What the program is put together from. */
export interface ConnectorProgramOptions extends RunOptions {
  /** Gives up the permissions that most commands do not need; see `confine.ts`. Nothing unless it is given. */
  readonly confine?: () => Promise<void>;
}

/** The connector's program. */
export function connectorProgram(options: ConnectorProgramOptions): Program<ConnectorConfig> {
  const { confine = () => {} } = options;
  return {
    invocation: invocationOf("connector"),
    summary: "RelayServer connector: makes the applications at this site reachable through a RelayServer.",
    version: describeBuild(),
    commands: [
      confined(run(options), confine),
      ...[diagnose, targets, configShow].map((command) => confined(command, confine)),
      configImport,
      ...serviceCommands(),
    ],
    configuration: { schema: connectorConfigSchema, envPrefix: ENV_PREFIX },
  };
}
