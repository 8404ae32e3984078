/**
 * Reads a command line: which command, its arguments and options, and the flags of the configuration.
 *
 * @module
 */

import { parseArgs, type ParseArgsConfig } from "node:util";
import { closest } from "../config/closest.ts";
import { isConfigFlag } from "../config/flags.ts";
import { type Command, type CommandOption, type Program, type ProgramConfig, UsageError } from "./command.ts";

/** Options of every command. */
export const COMMON_OPTIONS: Readonly<Record<string, CommandOption>> = {
  config: { summary: "Configuration file (.json, .jsonc, .yaml or .yml)", value: "FILE" },
  help: { summary: "Show this help" },
  version: { summary: "Show the version" },
};

/** A command line that was understood. */
export interface CommandLine<C> {
  readonly command: Command<C>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string | true>>;
  /** Values of the configuration by the path of their key. */
  readonly flags: Readonly<Record<string, string>>;
}

/**
 * Finds the command that the arguments begin with.
 *
 * @param program Its commands.
 * @param args The arguments. `--config FILE` may stand before the command.
 * @returns The command (the first one when none is named) and the arguments after its name; no command when the words are only the beginning
 * of one, or unknown.
 */
export function findCommand<C extends ProgramConfig>(
  program: Program<C>,
  args: readonly string[],
): { command: Command<C> | undefined; words: readonly string[]; rest: readonly string[] } {
  const lead = args[0] === "--config" ? 2 : args[0]?.startsWith("--config=") ? 1 : 0;
  const after = args.slice(lead);
  const end = after.findIndex((arg) => arg.startsWith("-"));
  const words = end === -1 ? after : after.slice(0, end);
  const rest = (taken: number) => [...args.slice(0, lead), ...after.slice(taken)];
  if (words.length === 0) return { command: program.commands[0], words, rest: rest(0) };
  for (let length = words.length; length > 0; length--) {
    const name = words.slice(0, length).join(" ");
    const command = program.commands.find((command) => command.name === name);
    if (command !== undefined) return { command, words, rest: rest(length) };
  }
  return { command: undefined, words, rest: rest(words.length) };
}

/** Says why some words are no command. */
export function explainUnknownCommand<C extends ProgramConfig>(program: Program<C>, words: readonly string[]): string {
  const name = words.join(" ");
  const names = program.commands.map((command) => command.name);
  const longer = names.filter((each) => each.startsWith(`${name} `));
  if (longer.length > 0) return `Incomplete command "${name}", expected one of: ${longer.join(", ")}`;
  const meant = closest(name, names);
  return `Unknown command${meant === undefined ? "" : `, did you mean "${meant}"?`}`;
}

/**
 * Reads the arguments after a command's name.
 *
 * @throws {UsageError} When they do not fit the command.
 */
export function parseCommandLine<C extends ProgramConfig>(
  program: Program<C>,
  command: Command<C>,
  args: readonly string[],
): CommandLine<C> {
  const declared = { ...COMMON_OPTIONS, ...command.options };
  const flagNames = undeclaredNames(args, declared);
  if (command.ignoresConfiguration && flagNames.length > 0) {
    throw new UsageError(`Unknown option --${flagNames[0]}`);
  }
  const { values, positionals } = parse(args, {
    ...Object.fromEntries(
      Object.entries(declared).map(([name, option]) => [name, parserOption(option.value !== undefined)]),
    ),
    ...Object.fromEntries(flagNames.map((name) => [name, parserOption(takesValue(program, args, name))])),
  });
  const options: Record<string, string | true> = {};
  const flags: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (Object.hasOwn(declared, name)) options[name] = value === true ? true : String(value);
    else flags[name] = String(value);
  }
  checkChoices(declared, options);
  const unknown = flagNames.find((name) => !isConfigFlag(program.configuration.schema, name));
  // Who asks for help need not give the arguments.
  const parameters = options.help ? {} : namedParameters(command, positionals, unknown);
  return { command, parameters, options, flags };
}

function parse(args: readonly string[], options: NonNullable<ParseArgsConfig["options"]>) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    // What follows the first sentence is advice that can quote the argument.
    throw new UsageError(message.split(/[.\n]\s/, 1)[0], { cause });
  }
}

function undeclaredNames(
  args: readonly string[],
  declared: Readonly<Record<string, CommandOption>>,
): readonly string[] {
  const end = args.indexOf("--");
  const names = (end === -1 ? args : args.slice(0, end))
    .filter((arg) => arg.startsWith("--"))
    .map((arg) => arg.slice(2).split("=", 1)[0]!);
  return [...new Set(names)].filter((name) => name !== "" && !Object.hasOwn(declared, name));
}

/** A flag that means no key is reported with the other problems of the configuration; it must not swallow the next argument. */
function takesValue<C extends ProgramConfig>(program: Program<C>, args: readonly string[], name: string): boolean {
  return isConfigFlag(program.configuration.schema, name) || args.some((arg) => arg.startsWith(`--${name}=`));
}

function parserOption(hasValue: boolean): { type: "string" | "boolean" } {
  return { type: hasValue ? "string" : "boolean" };
}

function checkChoices(
  declared: Readonly<Record<string, CommandOption>>,
  options: Readonly<Record<string, string | true>>,
): void {
  for (const [name, value] of Object.entries(options)) {
    const choices = declared[name]?.choices;
    if (choices !== undefined && !choices.includes(String(value))) {
      throw new UsageError(`Wrong value for --${name}, expected one of: ${choices.join(", ")}`);
    }
  }
}

function namedParameters<C>(
  command: Command<C>,
  values: readonly string[],
  unknownOption: string | undefined,
): Record<string, string> {
  const names = command.parameters ?? [];
  const missing = names.slice(values.length);
  if (missing.length > 0) throw new UsageError(`Missing ${missing.join(" and ")}`);
  // What stands behind an option that is not known was meant as its value.
  if (values.length > names.length) {
    throw new UsageError(unknownOption === undefined ? "Too many arguments" : `Unknown option --${unknownOption}`);
  }
  return Object.fromEntries(names.map((name, index) => [name, values[index]!]));
}
