/**
 * `config import FILE`: makes a configuration of a v3 connector's `appsettings.json`.
 *
 * @module
 */

import { type Command, EXIT } from "../../shared/cli/mod.ts";
import { reasonUnreadable } from "../../shared/config/file.ts";
import { escapeText } from "../../shared/log/text_format.ts";
import { type ConnectorConfig, connectorConfigSchema } from "../config.ts";
import { importV3Settings } from "./v3_settings.ts";

/** Prints the configuration, or writes it to a file that only its owner may read. */
export const configImport: Command<ConnectorConfig> = {
  name: "config import",
  summary: "Make a configuration of the appsettings.json of a RelayServer v3 connector",
  parameters: ["FILE"],
  options: { output: { summary: "Write it to a new file, readable for its owner only", value: "FILE" } },
  ignoresConfiguration: true,
  async run({ parameters, options, io }) {
    const { config, notes } = importV3Settings(await read(parameters.FILE!));
    const text = `${JSON.stringify(config, null, 2)}\n`;
    const say = (line: string) => io.output.writeError(`${escapeText(line)}\n`);
    if (typeof options.output === "string") {
      await write(options.output, text);
      say(`Written to ${options.output}`);
    } else {
      io.output.write(text);
      if ("tenantSecret" in config) {
        say("The output holds the tenant's secret: keep it from others, or use --output FILE");
      }
    }
    for (const note of notes) say(`Not taken over: ${note}`);
    for (const problem of problemsOf(config)) say(`To be corrected: ${problem}`);
    return EXIT.success;
  },
};

function problemsOf(config: unknown): readonly string[] {
  const { error } = connectorConfigSchema.safeParse(config);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

async function read(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new Error(`Cannot import ${file}: ${reasonUnreadable(cause)}`);
  }
}

async function write(file: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(file, text, { mode: 0o600, createNew: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new Error(`Cannot write ${file}: it exists already`, { cause });
    }
    throw new Error(`Cannot write ${file}`, { cause });
  }
}
