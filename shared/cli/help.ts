/**
 * The help of a program and of its commands.
 *
 * @module
 */

import type { Command, CommandOption, Program, ProgramConfig } from "./command.ts";
import { COMMON_OPTIONS } from "./command_line.ts";

/** The help of a program, or of the commands that begin with some words. */
export function programHelp<C extends ProgramConfig>(program: Program<C>, words: readonly string[] = []): string {
  const start = words.map((word) => `${word} `).join("");
  const commands = program.commands.filter((command) => `${command.name} `.startsWith(start));
  return [
    program.summary,
    "",
    `Usage: ${program.invocation} [COMMAND] [OPTIONS]`,
    "",
    "Commands:",
    ...columns(commands.map((command) => {
      const isDefault = command === program.commands[0];
      return [usageOf(command), command.summary + (isDefault ? " (the default)" : "")];
    })),
    "",
    ...optionLines("Options:", COMMON_OPTIONS),
    "",
    ...configurationHint(program),
    `Help for a command: ${program.invocation} COMMAND --help`,
    "",
  ].join("\n");
}

/** The help of one command. */
export function commandHelp<C extends ProgramConfig>(program: Program<C>, command: Command<C>): string {
  return [
    command.summary,
    "",
    `Usage: ${program.invocation} ${usageOf(command)} [OPTIONS]`,
    "",
    ...optionLines("Options:", { ...command.options, ...COMMON_OPTIONS }),
    "",
    ...(command.ignoresConfiguration ? [] : configurationHint(program)),
  ].join("\n");
}

function usageOf<C>(command: Command<C>): string {
  return [command.name, ...command.parameters ?? []].join(" ");
}

function optionLines(title: string, options: Readonly<Record<string, CommandOption>>): string[] {
  const rows = Object.entries(options).map(([name, { value, choices, summary }]): [string, string] => {
    const shown = choices?.join("|") ?? value;
    return [`--${name}${shown === undefined ? "" : ` ${shown}`}`, summary];
  });
  return [title, ...columns(rows)];
}

function configurationHint<C extends ProgramConfig>({ configuration }: Program<C>): string[] {
  return [
    "Every key of the configuration is also a flag (--log.level=debug)",
    `and an environment variable (${configuration.envPrefix}__LOG__LEVEL=debug).`,
    "",
  ];
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(0, ...rows.map(([first = ""]) => first.length));
  return rows.map(([first = "", second = ""]) => `  ${first.padEnd(width)}  ${second}`);
}
