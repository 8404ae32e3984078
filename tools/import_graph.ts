/**
 * Who imports whom in this project. The reading is left to `deno info`, which knows `import type`, re-exports, dynamic imports and the import
 * map as the runtime does. A `data:` module that imports every file stands for "the whole project", so that one call is enough.
 *
 * @module
 */

import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** One import, export-from or dynamic import with a literal specifier. */
export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** Path from the project's root for a file of the project, else a full address (`npm:...`, `node:...`, `https:...`). */
  readonly resolved: string;
  /** Why it does not resolve, when it does not. */
  readonly error?: string;
  readonly line: number;
  /** Whether the import is gone at run time. */
  readonly isTypeOnly: boolean;
}

/** One file of the project. */
export interface Module {
  /** Path from the project's root, with `/`. */
  readonly path: string;
  readonly source: string;
  readonly imports: readonly Import[];
  /** Why the file could not be parsed, when it could not. */
  readonly error?: string;
}

interface Resolution {
  readonly specifier?: string;
  readonly error?: string;
  readonly span: { readonly start: { readonly line: number } };
}

interface Dependency {
  readonly specifier: string;
  readonly code?: Resolution;
  readonly type?: Resolution;
}

interface InfoModule {
  readonly specifier: string;
  readonly error?: string;
  readonly dependencies?: readonly Dependency[];
}

/**
 * Reads every TypeScript file below some folders of a project.
 *
 * @param root The folder of `deno.json`.
 * @param folders Names of folders in `root`; one that does not exist counts as empty.
 * @returns The modules in the order of their paths.
 * @throws {Error} When `deno info` fails.
 */
export async function readImportGraph(
  root: string,
  folders: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly Module[]> {
  const files = (await Promise.all(folders.map((folder) => listSources(join(root, folder))))).flat().sort();
  const infos = new Map((await runInfo(root, files, options)).map((info) => [info.specifier, info]));
  return await Promise.all(files.map(async (file) => {
    const info = infos.get(pathToFileURL(file).href);
    const error = info === undefined ? "deno info does not list it" : info.error;
    return {
      path: projectPath(root, file),
      source: await Deno.readTextFile(file),
      imports: (info?.dependencies ?? []).map((dependency) => toImport(root, dependency)),
      ...(error === undefined ? {} : { error }),
    };
  }));
}

async function listSources(folder: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) files.push(...await listSources(path));
      else if (/\.tsx?$/.test(entry.name)) files.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files;
}

async function runInfo(
  root: string,
  files: readonly string[],
  options: { readonly signal?: AbortSignal },
): Promise<readonly InfoModule[]> {
  const everything = files.map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};`).join("");
  const output = await new Deno.Command(Deno.execPath(), {
    // Neither registry nor network: how a specifier resolves is enough, what is behind it does not matter here.
    args: [
      "info",
      "--json",
      "--no-lock",
      "--no-remote",
      "--no-npm",
      `data:application/typescript,${encodeURIComponent(everything)}`,
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
    ...options,
  }).output();
  if (!output.success) {
    throw new Error(`Cannot read the import graph: ${new TextDecoder().decode(output.stderr).trim()}`);
  }
  return (JSON.parse(new TextDecoder().decode(output.stdout)) as { modules: readonly InfoModule[] }).modules;
}

function toImport(root: string, { specifier, code, type }: Dependency): Import {
  const resolution = code ?? type;
  const resolved = resolution?.specifier ?? specifier;
  return {
    specifier,
    resolved: resolved.startsWith("file:") ? projectPath(root, fileURLToPath(resolved)) : resolved,
    line: (resolution?.span.start.line ?? 0) + 1,
    isTypeOnly: code === undefined,
    ...(resolution?.error === undefined ? {} : { error: resolution.error }),
  };
}

function projectPath(root: string, file: string): string {
  return relative(root, file).replaceAll("\\", "/");
}
