/**
 * Starts the program that holds many connections.
 *
 * @module
 */

import { join } from "node:path";
import { Program } from "../processes.ts";

const PROJECT_ROOT = join(import.meta.dirname ?? "", "../..");
const TIMEOUT_MS = 60_000;

/**
 * Opens connections to a server, and holds them until the program is stopped.
 *
 * @param url Base of the server's public listener.
 * @returns Once all have shaken hands.
 */
export async function holdConnections(
  url: string,
  options: {
    readonly tokens: readonly string[];
    readonly count: number;
    readonly folder: string;
    readonly timeoutMs?: number;
  },
): Promise<Program> {
  const { folder, timeoutMs = TIMEOUT_MS, ...rest } = options;
  const file = join(folder, `connections-${crypto.randomUUID()}.json`);
  await Deno.writeTextFile(file, JSON.stringify({ url, ...rest }));
  const permissions = ["--no-prompt", "--allow-net=127.0.0.1", "--allow-env", "--allow-read"];
  const script = join(import.meta.dirname ?? "", "connections.ts");
  const program = Program.start([Deno.execPath(), "run", ...permissions, script, file], { folder, cwd: PROJECT_ROOT });
  try {
    await program.waitFor(/connected\n/, { timeoutMs });
    return program;
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}
