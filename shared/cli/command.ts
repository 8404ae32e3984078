/**
 * A program as a table of commands.
 *
 * @module
 */

import type { z } from "zod";
import type { LogLevel } from "../log/config.ts";
import type { Io } from "./io.ts";

/** An option of one command. */
export interface CommandOption {
  readonly summary: string;
  /** What its value is called in the help; an option without it is a switch. */
  readonly value?: string;
  /** The values it takes. */
  readonly choices?: readonly string[];
}

/** One command of a program whose configuration is a `C`. */
export interface Command<C> {
  /** Its words, such as `tenants secret add`. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Names of its arguments, all of them required. */
  readonly parameters?: readonly string[];
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** Whether it works without the configuration, and so takes no flags for it. */
  readonly ignoresConfiguration?: boolean;
  /** Does it. @returns The exit code; nothing for success. */
  run(call: CommandCall<C>): Promise<number | void> | number | void;
}

/** One call of a command. */
export interface CommandCall<C> {
  /** The arguments by the name of their parameter. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Values of the options that were given; switches are `true`. */
  readonly options: Readonly<Record<string, string | true>>;
  readonly io: Io;
  /**
   * Loads the configuration from its file, the environment and the flags.
   *
   * @throws {ConfigError} With every problem, which ends the program with exit code 2 when the command lets it pass.
   */
  loadConfig(): C;
}

/** What every configuration has. */
export interface ProgramConfig {
  readonly log: { readonly level: LogLevel };
}

/** A program. */
export interface Program<C extends ProgramConfig> {
  /** What people type to start it, such as `deno task server`. */
  readonly invocation: string;
  /** What it is, in one line. */
  readonly summary: string;
  readonly version: string;
  /** All commands; the first one runs when none is named. */
  readonly commands: readonly [Command<C>, ...Command<C>[]];
  readonly configuration: { readonly schema: z.ZodType<C>; readonly envPrefix: string };
}

/** What people type to start this program: the executable's name when it is compiled, else the task. */
export function invocationOf(task: string): string {
  return Deno.build.standalone ? Deno.execPath().split(/[/\\]/).at(-1)! : `deno task ${task}`;
}

/** A command was used wrongly; ends the program with exit code 2 and a hint at the help. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
