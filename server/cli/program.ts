/**
 * The server as a program: its commands.
 *
 * @module
 */

import { type Command, invocationOf, type Program } from "../../shared/cli/mod.ts";
import { describeBuild } from "../../shared/build_facts.ts";
import { type ServerConfig, serverConfigSchema } from "../config/server_config.ts";
import { configShow } from "./config_show.ts";
import { migrate } from "./migrate.ts";
import { serve, type ServeOptions } from "./serve.ts";

/** What the program is put together from. */
export interface ServerProgramOptions extends ServeOptions {
  /** The commands beside `serve`, `config show` and `migrate`. */
  readonly commands?: readonly Command<ServerConfig>[];
}

/** The server's program. */
export function serverProgram({ createServer, commands = [] }: ServerProgramOptions): Program<ServerConfig> {
  return {
    invocation: invocationOf("server"),
    summary: "RelayServer: makes applications behind firewalls reachable over HTTP.",
    version: describeBuild(),
    commands: [serve({ createServer }), ...commands, configShow, migrate],
    configuration: { schema: serverConfigSchema, envPrefix: "RELAY_SERVER" },
  };
}
