/**
 * `run`: runs the connector until it is asked to end.
 *
 * @module
 */

import { type Command, logTo, runService, type Service } from "../../shared/cli/mod.ts";
import { getLogger, type Logger } from "../../shared/log/mod.ts";
import { VERSION } from "../../shared/version.ts";
import type { ConnectorConfig } from "../config.ts";
import { type Reconfigurable, reloadOnChange } from "./reload.ts";

/** What `run` is put together from. */
export interface RunOptions {
  /** Makes the connector, not yet started. */
  createConnector(config: ConnectorConfig): (Service & Reconfigurable) | Promise<Service & Reconfigurable>;
}

/** Makes the command. */
export function run({ createConnector }: RunOptions): Command<ConnectorConfig> {
  return {
    name: "run",
    summary: "Run the connector",
    async run({ io, options, loadConfig }) {
      const config = loadConfig();
      await using _logging = await logTo(io, config.log);
      const logger = getLogger(["connector"]);
      await using connector = await createConnector(config);
      const file = typeof options.config === "string" ? options.config : undefined;
      using _reload = reloadOnChange({ connector, io, logger, loadConfig, file });
      return await runService(connector, { io, logger, onReady: () => announce(logger, config) });
    },
  };
}

function announce(logger: Logger, config: ConnectorConfig): void {
  const names = Object.keys(config.targets);
  logger.info("RelayServer connector {version} serves tenant {tenant} with the targets {targets}", {
    version: VERSION,
    tenant: config.tenantName,
    targets: names.join(", ") || "(none)",
  });
  if (names.length === 0) logger.warn("No targets are configured: every request is answered 404");
}
