/**
 * The executables, compiled once for the test file that asks for them.
 *
 * @module
 */

import { join } from "node:path";
import { BaseRuntimeError, compile } from "../../tools/compile/compile.ts";
import { type CompiledProgram, executableName, PROGRAMS, TARGETS } from "../../tools/compile/programs.ts";
import { ChildProcess, PROJECT_ROOT } from "./process.ts";
import { isRequired } from "./requirement.ts";

/** Executables for this machine, or the reason why there are none. */
export interface Executables {
  /** For `ignore` of a test: they cannot be made, and nobody requires them. */
  readonly isSkipped: boolean;
  /** Where they are, with their checksums and lists. */
  readonly folder: string;
  /** A test's name, with the reason when it is skipped. */
  label(name: string): string;
  /**
   * The path of a program.
   *
   * @throws {Error} when it could not be made.
   */
  path(program: "connector" | "server"): string;
}

/** Compiles programs, both unless they are named, for this machine into a folder that goes with the test process. */
export async function compileExecutables(
  names: readonly CompiledProgram["name"][] = ["connector", "server"],
): Promise<Executables> {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-executables-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const target = TARGETS.find(({ triple }) => triple === Deno.build.target);
  const programs = PROGRAMS.filter(({ name }) => names.includes(name));
  const error = await tryCompile(folder, programs);
  const isSkipped = error !== undefined && !isRequired("compile");
  return {
    isSkipped,
    folder,
    label: (name) => isSkipped ? `${name} (skipped: no base runtime of Deno to compile with)` : name,
    path(program) {
      const compiled = programs.find(({ name }) => name === program);
      if (error !== undefined || target === undefined || compiled === undefined) {
        throw new Error(`There is no executable of the ${program}`, { cause: error });
      }
      return join(folder, executableName(compiled, target));
    },
  };
}

async function tryCompile(
  outputFolder: string,
  programs: readonly CompiledProgram[],
): Promise<BaseRuntimeError | undefined> {
  try {
    await compile({
      root: PROJECT_ROOT,
      outputFolder,
      programs,
      targets: TARGETS.filter(({ triple }) => triple === Deno.build.target),
      deno: Deno.env.get("RELAY_COMPILE_DENO") ?? Deno.execPath(),
      commit: "0123456789ab",
      report: () => {},
    });
    return undefined;
  } catch (error) {
    if (error instanceof BaseRuntimeError) return error;
    throw error;
  }
}

/** Starts a program by its path, with nothing of this process's environment but what is given. */
export function startExecutable(
  path: string,
  { args, cwd, env = {}, uid }: {
    readonly args: readonly string[];
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** User id it runs as; this process's own when absent. */
    readonly uid?: number;
  },
): ChildProcess {
  return new ChildProcess(
    new Deno.Command(path, {
      args: [...args],
      env: { NO_COLOR: "1", ...env },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid }),
    }).spawn(),
  );
}
