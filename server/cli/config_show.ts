/**
 * `config show`: the effective configuration.
 *
 * @module
 */

import type { Command } from "../../shared/cli/mod.ts";
import { maskedConfig } from "../../shared/config/masked_config.ts";
import { type ServerConfig, serverConfigSchema } from "../config/server_config.ts";

/** Prints the effective configuration as JSON. */
export const configShow: Command<ServerConfig> = {
  name: "config show",
  summary: "Print the effective configuration as JSON, secrets masked",
  run({ io, loadConfig }) {
    io.output.write(`${JSON.stringify(maskedConfig(serverConfigSchema, loadConfig()), null, 2)}\n`);
  },
};
