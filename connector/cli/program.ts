/**
 * The connector as a program: its commands.
 *
 * @module
 */

import { invocationOf, type Program } from "../../shared/cli/mod.ts";
import { VERSION } from "../../shared/version.ts";
import { type ConnectorConfig, connectorConfigSchema } from "../config.ts";
import { configShow } from "./config_show.ts";
import { run, type RunOptions } from "./run.ts";
import { targets } from "./targets.ts";

/** The connector's program. */
export function connectorProgram(options: RunOptions): Program<ConnectorConfig> {
  return {
    invocation: invocationOf("connector"),
    summary: "RelayServer connector: makes the applications at this site reachable through a RelayServer.",
    version: VERSION,
    commands: [run(options), targets, configShow],
    configuration: { schema: connectorConfigSchema, envPrefix: "RELAY_CONNECTOR" },
  };
}
