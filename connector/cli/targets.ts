/**
 * `targets`: the effective targets.
 *
 * @module
 */

import type { Command } from "../../shared/cli/mod.ts";
import { escapeText } from "../../shared/log/text_format.ts";
import type { ConnectorConfig } from "../config.ts";

/** Prints the targets, one a line: name, type, URL, separated by tabs. */
export const targets: Command<ConnectorConfig> = {
  name: "targets",
  summary: "List the effective targets: name, type, URL",
  run({ io, loadConfig }) {
    const entries = Object.entries(loadConfig().targets);
    if (entries.length === 0) io.output.writeError("No targets are configured.\n");
    for (const [name, { type, url = "" }] of entries) {
      io.output.write(`${[name, type, url].map(escapeText).join("\t").trimEnd()}\n`);
    }
  },
};
