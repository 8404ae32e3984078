/**
 * `deno task compile`: executables of the connector and the server under `dist/`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { explainError } from "../../shared/log/describe_error.ts";
import { compile } from "./compile.ts";
import { stopSignal } from "../stop_signal.ts";
import { type CompiledProgram, type CompileTarget, PROGRAMS, TARGETS } from "./programs.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const HELP =
  `Makes standalone executables of the connector and the server, their checksums and lists of what is inside, under dist/.

Usage: deno task compile [connector|server] [OPTIONS]

Options:
  --target TARGET  One of those below, or all; this machine's unless it is given
  --output FOLDER  Where the files go (default: dist)
  --help           Show this help

Targets:
${TARGETS.map(({ triple }) => `  ${triple}\n`).join("")}
Environment:
  DENORT_BIN          Path of Deno's base runtime for the target, instead of downloading it
  RELAY_COMPILE_DENO  The deno to compile with, when the base runtime belongs to another one
`;

/** The command line cannot be understood. */
class UsageError extends Error {}

interface Wishes {
  readonly isHelpWanted: boolean;
  readonly programs: readonly CompiledProgram[];
  readonly targets: readonly CompileTarget[];
  readonly outputFolder: string;
}

function readArguments(args: readonly string[]): Wishes {
  const { values, positionals } = parse(args);
  const { target = Deno.build.target, output = join(ROOT, "dist") } = values;
  const programs = positionals.length === 0 ? PROGRAMS : PROGRAMS.filter(({ name }) => positionals.includes(name));
  const unknown = positionals.find((word) => !PROGRAMS.some(({ name }) => name === word));
  if (unknown !== undefined) throw new UsageError(`Unknown program ${unknown}, expected connector or server`);
  const targets = target === "all" ? TARGETS : TARGETS.filter(({ triple }) => triple === target);
  if (targets.length === 0) throw new UsageError(`Unknown target ${target}`);
  if (targets.length > 1 && Deno.env.get("DENORT_BIN") !== undefined) {
    throw new UsageError("DENORT_BIN is a base runtime of one target: compile for one at a time");
  }
  return { isHelpWanted: values.help === true, programs, targets, outputFolder: output };
}

function parse(args: readonly string[]) {
  const options = { target: { type: "string" }, output: { type: "string" }, help: { type: "boolean" } } as const;
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The commit of the sources; none outside of a checkout, and marked where it is not all there is. */
async function readCommit(): Promise<string | undefined> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", { args, cwd: ROOT, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  };
  try {
    const commit = await git("rev-parse", "--short=12", "HEAD");
    if (commit === undefined) return undefined;
    return await git("status", "--porcelain") === "" ? commit : `${commit}+changes`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const encoder = new TextEncoder();
  const print = (text: string) => void Deno.stdout.writeSync(encoder.encode(text));
  const printError = (text: string) => void Deno.stderr.writeSync(encoder.encode(text));
  const signal = stopSignal();
  try {
    const { isHelpWanted, ...wishes } = readArguments(args);
    if (isHelpWanted) {
      print(HELP);
      return 0;
    }
    await compile({
      ...wishes,
      root: ROOT,
      deno: Deno.env.get("RELAY_COMPILE_DENO") ?? Deno.execPath(),
      commit: await readCommit(),
      report: (line) => print(`${line}\n`),
      signal,
    });
    return 0;
  } catch (error) {
    const isUsage = error instanceof UsageError;
    printError(`${explainError(error)}\n${isUsage ? "See deno task compile --help\n" : ""}`);
    return isUsage ? 2 : 1;
  }
}

Deno.exit(await main(Deno.args));
