/**
 * Reads the configuration again while the connector runs: when its file changes, and on SIGHUP.
 *
 * @module
 */

import type { Io } from "../../shared/cli/mod.ts";
import { ConfigError, formatProblem } from "../../shared/config/config_error.ts";
import type { Logger } from "../../shared/log/mod.ts";
import type { ConnectorConfig } from "../config.ts";
import type { Reconfiguration } from "../connector.ts";
import { watchFile } from "./watch_file.ts";

/** What takes a new configuration. */
export interface Reconfigurable {
  /** @throws {ConfigError} when it cannot be used; then the old one counts. */
  reconfigure(config: ConnectorConfig): Promise<Reconfiguration>;
}

/** What reloading works with. */
export interface ReloadOptions {
  readonly connector: Reconfigurable;
  readonly io: Io;
  readonly logger: Logger;
  /** Loads the configuration anew. */
  readonly loadConfig: () => ConnectorConfig;
  /** The configuration's file, when it has one. */
  readonly file: string | undefined;
}

/** Reloads until the returned object is disposed. A configuration that cannot be used changes nothing, and the log says all that is wrong. */
export function reloadOnChange({ connector, io, logger, loadConfig, file }: ReloadOptions): Disposable {
  const reload = async (why: string) => {
    try {
      report(logger, await connector.reconfigure(loadConfig()), why);
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems.map(formatProblem) : [String(error)];
      logger.error("The new configuration is not taken, the old one stays. {problems}", {
        why,
        problems: problems.join("; "),
      });
    }
  };
  const stack = new DisposableStack();
  stack.use(io.onReload?.(() => void reload("SIGHUP")));
  if (file !== undefined) {
    stack.use(watchFile(file, {
      onChange: () => void reload("the file has changed"),
      onError: (error) => logger.warn("Cannot watch {file}: it is read again only on SIGHUP: {error}", { file, error }),
    }));
  }
  return stack;
}

function report(logger: Logger, { added, removed, changed, restartNeeded }: Reconfiguration, why: string): void {
  const list = (names: readonly string[]) => names.join(", ") || "(none)";
  logger.info("Configuration read again ({why}): targets added {added}, removed {removed}, changed {changed}", {
    why,
    added: list(added),
    removed: list(removed),
    changed: list(changed),
  });
  if (restartNeeded.length === 0) return;
  logger.warn("These keys have changed and count only after a restart: {keys}", { keys: restartNeeded.join(", ") });
}
