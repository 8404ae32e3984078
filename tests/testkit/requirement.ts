/**
 * Programs that a test needs and that may be absent: then it is skipped by name and reason, or fails where they are required.
 *
 * @module
 */

import { join } from "node:path";

/** Lists what must not be absent, separated by commas. */
const REQUIRE_VARIABLE = "RELAY_TEST_REQUIRE";

/** Folders of programs that are not always on the path. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Programs that are here, or not. */
export interface Requirement {
  /** For `ignore` of a test: something is missing, and nobody requires it. */
  readonly isSkipped: boolean;
  /** A test's name, with the reason when it is skipped. */
  label(name: string): string;
  /**
   * The path of one of the programs.
   *
   * @throws {Error} when it is missing.
   */
  path(command: string): string;
}

/**
 * Looks for programs.
 *
 * @param commands Names of the programs, all of which are needed.
 * @param options The word by which `RELAY_TEST_REQUIRE` makes their absence a failure; `required` stands for the value of that variable.
 */
export async function requireCommands(
  commands: readonly string[],
  { requirement, required }: { readonly requirement: string; readonly required?: string },
): Promise<Requirement> {
  const paths = new Map<string, string>();
  for (const command of commands) {
    const path = await findCommand(command);
    if (path !== undefined) paths.set(command, path);
  }
  const missing = commands.filter((command) => !paths.has(command));
  const isSkipped = missing.length > 0 && !isRequired(requirement, required);
  return {
    isSkipped,
    label: (name) => isSkipped ? `${name} (skipped: ${missing.join(" and ")} not installed)` : name,
    path(command) {
      const path = paths.get(command);
      if (path === undefined) {
        throw new Error(`${command} is not installed, and ${REQUIRE_VARIABLE} asks for ${requirement}`);
      }
      return path;
    },
  };
}

/** Whether `RELAY_TEST_REQUIRE` makes the absence of something a failure. */
export function isRequired(requirement: string, required: string = Deno.env.get(REQUIRE_VARIABLE) ?? ""): boolean {
  return required.split(",").some((word) => word.trim() === requirement);
}

async function findCommand(command: string): Promise<string | undefined> {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== ""), ...SYSTEM_FOLDERS];
  for (const folder of folders) {
    const path = join(folder, command);
    const info = await Deno.stat(path).catch(() => undefined);
    if (info?.isFile === true) return path;
  }
  return undefined;
}
