/**
 * An otherwise empty file system for one executable.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { startExecutable } from "./executables.ts";
import type { ChildProcess } from "./process.ts";
import { requireCommands, type Requirement } from "./requirement.ts";

/** Looks whether programs can be given a root folder of their own, and for the programs of an {@linkcode EmptyRoot}. */
export async function requireEmptyRoots(): Promise<Requirement> {
  const requirement = await requireCommands(["unshare", "ldd", "chroot", "mount", "ip"], { requirement: "compile" });
  if (requirement.isSkipped) return requirement;
  const { success } = await new Deno.Command(requirement.path("unshare"), {
    args: ["--map-root-user", "--mount", "true"],
    stderr: "null",
  }).output();
  return success
    ? requirement
    : { ...requirement, isSkipped: true, label: (name) => `${name} (skipped: mounts cannot be made here)` };
}

/** A root folder with an executable, the libraries it is linked with, `/proc`, and what a test writes into it. */
export class EmptyRoot implements AsyncDisposable {
  readonly #path: string;
  readonly #tools: Requirement;

  private constructor(path: string, tools: Requirement) {
    this.#path = path;
    this.#tools = tools;
  }

  /** Makes one in a temporary folder. */
  static async create(executable: string, tools: Requirement): Promise<EmptyRoot> {
    const root = new EmptyRoot(await Deno.makeTempDir({ prefix: "relayserver-root-" }), tools);
    try {
      await root.#fill(executable);
      return root;
    } catch (error) {
      await root[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Writes a file, by its path from this root. */
  async write(path: string, text: string): Promise<void> {
    await Deno.mkdir(dirname(join(this.#path, path)), { recursive: true });
    await Deno.writeTextFile(join(this.#path, path), text);
  }

  /** What is in it beside the C library. */
  files(): readonly string[] {
    const names = [...Deno.readDirSync(this.#path)].map(({ name }) => name);
    return names.filter((name) => !name.startsWith("lib")).sort();
  }

  /** Starts the executable with nothing else in sight, in a network namespace where one is named. */
  start(args: readonly string[], options: { readonly namespace?: string } = {}): ChildProcess {
    const script = 'mount --rbind /proc "$0/proc" && exec chroot "$0" /program "$@"';
    const inside = ["--map-root-user", "--mount", "sh", "-c", script, this.#path, ...args];
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
    const unshare = this.#tools.path("unshare");
    if (options.namespace === undefined) return startExecutable(unshare, { args: inside, env });
    return startExecutable(this.#tools.path("ip"), {
      args: ["netns", "exec", options.namespace, unshare, ...inside],
      env,
    });
  }

  async #fill(executable: string): Promise<void> {
    const { stdout } = await new Deno.Command(this.#tools.path("ldd"), { args: [executable] }).output();
    const libraries = new TextDecoder().decode(stdout).match(/\/[^ \n]+/g) ?? [];
    for (const path of libraries.filter((each) => each !== `${executable}:`)) {
      await Deno.mkdir(join(this.#path, dirname(path)), { recursive: true });
      await Deno.copyFile(path, join(this.#path, path));
    }
    await Deno.mkdir(join(this.#path, "proc"));
    await Deno.copyFile(executable, join(this.#path, "program"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}
