/**
 * Runs a program: from the arguments to the exit code.
 *
 * @module
 */

import { ConfigError, formatProblem } from "../config/config_error.ts";
import { loadConfig } from "../config/load.ts";
import { explainError } from "../log/describe_error.ts";
import { escapeText } from "../log/text_format.ts";
import { type CommandCall, type Program, type ProgramConfig, UsageError } from "./command.ts";
import { type CommandLine, explainUnknownCommand, findCommand, parseCommandLine } from "./command_line.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { Io } from "./io.ts";

/** Exit codes of all commands. */
export const EXIT = { success: 0, failure: 1, usage: 2 } as const;

/**
 * Runs the command that the arguments name.
 *
 * @param program The program.
 * @param args The arguments.
 * @param io Its surroundings.
 * @returns The exit code: 0 success, 1 failure, 2 wrong usage or configuration. Errors are written to standard error, never thrown.
 */
export async function runCli<C extends ProgramConfig>(
  program: Program<C>,
  args: readonly string[],
  io: Io,
): Promise<number> {
  let config: C | undefined;
  try {
    return await dispatch(program, args, { io, onConfig: (loaded) => config = loaded });
  } catch (error) {
    return report(program, error, { io, showsStack: config?.log.level === "debug" || config?.log.level === "trace" });
  }
}

async function dispatch<C extends ProgramConfig>(
  program: Program<C>,
  args: readonly string[],
  { io, onConfig }: { io: Io; onConfig: (config: C) => void },
): Promise<number> {
  const { command, words, rest } = findCommand(program, args);
  const isAsked = (option: string) => rest.includes(option);
  if (isAsked("--version")) {
    io.output.write(`${program.version}\n`);
    return EXIT.success;
  }
  if (isAsked("--help") && (command === undefined || words.length === 0)) {
    io.output.write(programHelp(program, words));
    return EXIT.success;
  }
  if (command === undefined) throw new UsageError(explainUnknownCommand(program, words));
  const line = parseCommandLine(program, command, rest);
  if (line.options.help) {
    io.output.write(commandHelp(program, command));
    return EXIT.success;
  }
  return await command.run(callOf(program, line, { io, onConfig })) ?? EXIT.success;
}

function callOf<C extends ProgramConfig>(
  program: Program<C>,
  { parameters, options, flags }: CommandLine<C>,
  { io, onConfig }: { io: Io; onConfig: (config: C) => void },
): CommandCall<C> {
  return {
    parameters,
    options,
    io,
    loadConfig() {
      const file = typeof options.config === "string" ? options.config : undefined;
      const config = loadConfig({ ...program.configuration, file, env: io.env, flags });
      onConfig(config);
      return config;
    },
  };
}

function report<C extends ProgramConfig>(
  program: Program<C>,
  error: unknown,
  { io, showsStack }: { io: Io; showsStack: boolean },
): number {
  const say = (line: string) => io.output.writeError(`${escapeText(line)}\n`);
  if (error instanceof ConfigError) {
    error.problems.forEach((problem) => say(formatProblem(problem)));
    return EXIT.usage;
  }
  if (error instanceof UsageError) {
    say(error.message);
    say(`See ${program.invocation} --help`);
    return EXIT.usage;
  }
  say(explainError(error));
  if (showsStack && error instanceof Error) (error.stack ?? "").split("\n").forEach(say);
  return EXIT.failure;
}
