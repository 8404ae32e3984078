/**
 * `serve`: runs the server until it is asked to end.
 *
 * @module
 */

import { type Command, EXIT, type Io, logTo, runService, type Service } from "../../shared/cli/mod.ts";
import { getLogger, type Logger } from "../../shared/log/mod.ts";
import { VERSION } from "../../shared/version.ts";
import { databaseUrl } from "../config/database.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { DatabaseConflictError } from "../delivery.ts";
import { describeDatabaseUrl } from "../persistence/database_url.ts";

/** Where a listener can be reached. */
interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** The server as this command sees it. */
export interface ServedServer extends Service {
  readonly publicAddress: Address;
  readonly managementAddress: Address;
}

/** What `serve` is put together from. */
export interface ServeOptions {
  /** Makes the server, not yet started. */
  createServer(config: ServerConfig): Promise<ServedServer>;
}

/** Makes the command. */
export function serve({ createServer }: ServeOptions): Command<ServerConfig> {
  return {
    name: "serve",
    summary: "Run the server",
    async run({ io, loadConfig }) {
      const config = loadConfig();
      await using _logging = await logTo(io, config.log);
      const logger = getLogger(["server"]);
      warnAboutSurroundings(logger, config, io);
      await using server = await createServer(config);
      return await runService(server, {
        io,
        logger,
        onReady: () => announce(logger, server, config),
        // Two servers were configured to share a broker but not a database.
        exitCodeOf: (error) => error instanceof DatabaseConflictError ? EXIT.usage : EXIT.failure,
      });
    },
  };
}

function announce(logger: Logger, server: ServedServer, config: ServerConfig): void {
  logger.info(
    "RelayServer {version} is ready: {publicAddress} (public), {managementAddress} (management), database {database}",
    {
      version: VERSION,
      publicAddress: httpAddress(server.publicAddress, config.tls),
      managementAddress: httpAddress(server.managementAddress, config.management.tls),
      database: describeDatabaseUrl(databaseUrl(config)),
    },
  );
}

function warnAboutSurroundings(logger: Logger, config: ServerConfig, io: Io): void {
  if (config.publicUrl === undefined) {
    logger.warn(
      "publicUrl is not set: absolute URLs are made from what the request says, set it when a proxy stands in front",
    );
  }
  if (config.auth.encryptionKey === undefined) {
    logger.warn(
      "auth.encryptionKey is not set: the keys that sign tokens are kept in plain text, whoever reads the database or its backup can make tokens",
    );
  }
  if (io.env.DENO_SERVE_ADDRESS !== undefined) {
    logger.warn("DENO_SERVE_ADDRESS is set: Deno listens there instead of at the configured hostname and port");
  }
}

function httpAddress({ hostname, port }: Address, { certFile }: ServerConfig["tls"]): string {
  return `${certFile === undefined ? "http" : "https"}://${
    hostname.includes(":") ? `[${hostname}]` : hostname
  }:${port}`;
}
