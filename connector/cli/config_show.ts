/**
 * `config show`: the effective configuration.
 *
 * @module
 */

import type { Command } from "../../shared/cli/mod.ts";
import { maskedConfig } from "../../shared/config/masked_config.ts";
import { type ConnectorConfig, connectorConfigSchema } from "../config.ts";

/** Prints the effective configuration as JSON. */
export const configShow: Command<ConnectorConfig> = {
  name: "config show",
  summary: "Print the effective configuration as JSON, secrets masked",
  run({ io, loadConfig }) {
    io.output.write(`${JSON.stringify(maskedConfig(connectorConfigSchema, loadConfig()), null, 2)}\n`);
  },
};
