/**
 * Carries plans out, or shows them.
 *
 * @module
 */

import { dirname } from "node:path";
import type { PlannedCommand, PlannedFile, ServicePlan } from "./plan.ts";

/** The plan as text: every file with its content, every command. */
export function describePlan({ folders, files, commands, removed, notes }: ServicePlan): string {
  const lines = [
    ...folders.map((folder) => `# make the folder ${folder}`),
    ...files.flatMap(({ path, content }) => [`# write ${path}`, content.trimEnd(), ""]),
    ...commands.map(({ argv }) => argv.map(shellWord).join(" ")),
    ...removed.map((path) => `# remove ${path}`),
    ...notes.map((note) => `# ${note}`),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * Carries a plan out.
 *
 * @throws {Error} naming what could not be done; what came before it is done.
 */
export async function performPlan({ folders, files, commands, removed }: ServicePlan): Promise<void> {
  for (const folder of folders) {
    await attempt(`make the folder ${folder}`, () => Deno.mkdir(folder, { recursive: true }));
  }
  for (const file of files) await attempt(`write ${file.path}`, () => writeFile(file));
  for (const command of commands) await runCommand(command);
  for (const path of removed) await attempt(`remove ${path}`, () => Deno.remove(path));
}

/**
 * Runs a command and shows what it prints.
 *
 * @returns Its exit code.
 */
export async function showCommand({ argv: [program, ...args] }: PlannedCommand): Promise<number> {
  const { code } = await new Deno.Command(program, { args, stdin: "null", stdout: "inherit", stderr: "inherit" })
    .output();
  return code;
}

async function runCommand({ argv, goodCodes = [] }: PlannedCommand): Promise<void> {
  const [program, ...args] = argv;
  await attempt(`run ${argv.map(shellWord).join(" ")}`, async () => {
    const { code, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
    if (code === 0 || goodCodes.includes(code)) return;
    const said = new TextDecoder().decode(stderr).trim().split(/\s*\n\s*/).join("; ");
    throw new Error(`it ended with ${code}: ${said}`);
  });
}

async function writeFile({ path, content, encoding }: PlannedFile): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  if (encoding === undefined) return await Deno.writeTextFile(path, content);
  const units = Uint16Array.from(`\uFEFF${content}`, (character) => character.charCodeAt(0));
  await Deno.writeFile(path, new Uint8Array(units.buffer));
}

async function attempt(what: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (cause) {
    throw new Error(`Cannot ${what}`, { cause });
  }
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./\\-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
