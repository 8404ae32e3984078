/**
 * A copy of the sources to compile: without tests, with only the packages that one program needs, and with the facts of the build.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { type PackageInfo, readLock } from "./module_graph.ts";

/** What goes into the copy. */
export interface StagingOptions {
  /** The folder of `deno.json`. */
  readonly root: string;
  readonly packages: readonly PackageInfo[];
  readonly commit: string | undefined;
}

const FOLDERS = ["connector", "server", "shared"];
/** Settings of the project that matter at run time. */
const KEPT_SETTINGS = ["name", "version", "license", "compilerOptions", "unstable", "nodeModulesDir"];

/** A folder that is removed when it is disposed. */
export class Staging implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the copy in a temporary folder. */
  static async create(options: StagingOptions): Promise<Staging> {
    const staging = new Staging(await Deno.makeTempDir({ prefix: "relayserver-compile-" }));
    try {
      for (const folder of FOLDERS) await copySources(join(options.root, folder), join(staging.path, folder));
      await staging.#writeFacts(options);
      return staging;
    } catch (error) {
      await staging[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }

  async #writeFacts({ root, packages, commit }: StagingOptions): Promise<void> {
    const manifest = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
    const names = new Set(packages.map(({ name }) => name));
    const settings = Object.fromEntries(KEPT_SETTINGS.map((key) => [key, manifest[key]]));
    const imports = pick(manifest.imports, (_name, address) => names.has(packageName(String(address))));
    const lock = await readLock(root);
    const ids = new Set(packages.map(({ id }) => id));
    const prunedLock = {
      ...lock,
      specifiers: pick(lock.specifiers, (specifier) => names.has(packageName(specifier))),
      npm: pick(lock.npm, (id) => ids.has(id)),
      workspace: { dependencies: lock.workspace.dependencies.filter((each) => names.has(packageName(each))) },
    };
    await writeJson(join(this.path, "deno.json"), { ...settings, lock: { frozen: true }, imports });
    await writeJson(join(this.path, "deno.lock"), prunedLock);
    await writeJson(join(this.path, "shared", "build.json"), { commit: commit ?? null });
  }
}

async function copySources(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copySources(join(from, name), join(to, name));
    else if (!/_test\.tsx?$/.test(name)) await Deno.copyFile(join(from, name), join(to, name));
  }
}

function packageName(specifier: string): string {
  return /^(?:npm:\/?)?((?:@[^/]+\/)?[^@/]+)/.exec(specifier)?.[1] ?? "";
}

function pick<T>(
  record: Readonly<Record<string, T>>,
  isKept: (key: string, value: T) => boolean,
): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key, value]) => isKept(key, value)));
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
