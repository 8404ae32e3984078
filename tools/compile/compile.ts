/**
 * Makes executables, their checksums and the lists of what is inside them.
 *
 * @module
 */

import { join } from "node:path";
import { listPackages, type PackageInfo } from "./module_graph.ts";
import { type CompiledProgram, type CompileTarget, executableName, sbomName } from "./programs.ts";
import { createSbom } from "./sbom.ts";
import { Staging } from "./staging.ts";

/** What is made, of what, and where. */
export interface CompileOptions {
  /** The folder of `deno.json`. */
  readonly root: string;
  /** Where the files go; made when it does not exist. */
  readonly outputFolder: string;
  readonly programs: readonly CompiledProgram[];
  readonly targets: readonly CompileTarget[];
  /** The `deno` to compile with. */
  readonly deno: string;
  readonly commit: string | undefined;
  /** Is told what was made. */
  readonly report: (line: string) => void;
  /** Ends the compilation. */
  readonly signal?: AbortSignal;
}

/** Names the sums of everything in the folder, in the form of `sha256sum`. */
export const CHECKSUMS = "SHA256SUMS";

/** `deno compile` reads every script of every package, recursively; the default of 2 MiB is too little for large minified ones. */
const COMPILER_STACK_BYTES = 64 * 1024 * 1024;

/** The base runtime that executables consist of could not be had. */
export class BaseRuntimeError extends Error {
  override readonly name = "BaseRuntimeError";
}

/**
 * Compiles.
 *
 * @throws {BaseRuntimeError} when the base runtime can neither be downloaded nor was it given.
 * @throws {Error} when `deno compile` fails otherwise; what aborted the signal.
 */
export async function compile(options: CompileOptions): Promise<void> {
  const { root, outputFolder, programs, commit } = options;
  await Deno.mkdir(outputFolder, { recursive: true });
  let denoVersion = await versionOf(options.deno, /^deno (\d+\.\d+\.\d+\S*)/);
  for (const program of programs) {
    const packages = await listPackages(root, program.entry);
    {
      await using staging = await Staging.create({ root, packages, commit });
      for (const target of options.targets) {
        options.signal?.throwIfAborted();
        const executable = await compileOne(program, target, { ...options, staging, denoVersion });
        // A base runtime that was given may be of another version than the deno that compiled.
        if (target.triple === Deno.build.target) {
          denoVersion = await versionOf(executable, /Deno (\d+\.\d+\.\d+[^,)]*)/);
        }
      }
    }
    await writeSbom(program, packages, { ...options, denoVersion });
  }
  await writeChecksums(outputFolder);
}

async function compileOne(
  program: CompiledProgram,
  target: CompileTarget,
  options: CompileOptions & { readonly staging: Staging; readonly denoVersion: string },
): Promise<string> {
  const { staging, outputFolder, deno, denoVersion, report, signal } = options;
  const output = join(outputFolder, executableName(program, target));
  const { success, stderr } = await new Deno.Command(deno, {
    args: [
      "compile",
      "--quiet",
      // The gate has checked the types, and what runs needs none.
      "--no-check",
      "--no-prompt",
      // Nothing is written to the site's disk.
      "--no-code-cache",
      // The pages' scripts are imported as text, which base runtimes before 2.9 take with this only.
      "--unstable-raw-imports",
      "--target",
      target.triple,
      ...program.permissions(target),
      ...program.workers.flatMap((path) => ["--include", path]),
      "--output",
      output,
      program.entry,
    ],
    cwd: staging.path,
    env: { NO_COLOR: "1", RUST_MIN_STACK: String(COMPILER_STACK_BYTES) },
    stdin: "null",
    ...(signal === undefined ? {} : { signal }),
  }).output();
  signal?.throwIfAborted();
  if (!success) throw explain(new TextDecoder().decode(stderr), { program, target, denoVersion });
  const { size } = await Deno.stat(output);
  report(`${output}: ${(size / 1024 / 1024).toFixed(1)} MiB, ${target.triple}`);
  return output;
}

function explain(
  stderr: string,
  { program, target, denoVersion }: { program: CompiledProgram; target: CompileTarget; denoVersion: string },
): Error {
  const what = `Cannot compile the ${program.name} for ${target.triple}`;
  const said = (stderr.split("Stack backtrace", 1)[0] ?? "").trim();
  if (!/denort|error sending request|dns error|Could not find the|certificate/i.test(said)) {
    return new Error(`${what}: deno compile failed\n${said}`);
  }
  return new BaseRuntimeError(
    `${what}: the base runtime of Deno ${denoVersion} cannot be downloaded. Set DENORT_BIN to the path of a denort of that version and ` +
      "platform; where there is one of another version only, set RELAY_COMPILE_DENO to the deno it belongs to",
    { cause: new Error(said) },
  );
}

async function versionOf(executable: string, pattern: RegExp): Promise<string> {
  const { success, stdout } = await new Deno.Command(executable, { args: ["--version"], stdin: "null" }).output();
  const version = pattern.exec(new TextDecoder().decode(stdout))?.[1];
  if (!success || version === undefined) throw new Error(`Cannot compile: ${executable} does not tell its version`);
  return version;
}

async function writeSbom(
  program: CompiledProgram,
  packages: readonly PackageInfo[],
  { root, outputFolder, commit, denoVersion, report }: CompileOptions & { readonly denoVersion: string },
): Promise<void> {
  const { version, license } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  const name = `relayserver-${program.name}`;
  const sbom = createSbom({ name, version, license, commit, denoVersion, packages, createdAt: new Date() });
  const path = join(outputFolder, sbomName(program));
  await Deno.writeTextFile(path, `${JSON.stringify(sbom, null, 2)}\n`);
  report(`${path}: Deno ${denoVersion} and ${packages.length} packages`);
}

/** Sums of all that is there, not only of what was made now: the file belongs to the folder. */
async function writeChecksums(folder: string): Promise<void> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && name.startsWith("relayserver-")) names.push(name);
  }
  const lines: string[] = [];
  for (const name of names.sort()) {
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(join(folder, name)));
    lines.push(`${new Uint8Array(digest).toHex()}  ${name}\n`);
  }
  await Deno.writeTextFile(join(folder, CHECKSUMS), lines.join(""));
}
