/**
 * The programs of others that the benchmarks need, and what to say where they are missing.
 *
 * @module
 */

/** Something that is compared cannot run on this machine; the message says why. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}

/** Debian's package for each program. */
const PACKAGES = {
  wrk: "wrk",
  nginx: "nginx",
  sshd: "openssh-server",
  ssh: "openssh-client",
  "ssh-keygen": "openssh-client",
  node: "nodejs",
  npm: "npm",
  "rabbitmq-server": "rabbitmq-server",
} as const;

/** A program that may be missing. */
export type Tool = keyof typeof PACKAGES;

/**
 * Finds a program.
 *
 * @returns Its absolute path.
 * @throws {UnavailableError} When it is not installed.
 */
export async function findTool(tool: Tool): Promise<string> {
  // Daemons are not on everybody's PATH.
  const script = `PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v ${tool}`;
  const { success, stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  if (!success) throw new UnavailableError(`${tool} is not installed (Debian package ${PACKAGES[tool]})`);
  return new TextDecoder().decode(stdout).trim();
}

/**
 * Runs a program to its end.
 *
 * @returns What it printed.
 * @throws {UnavailableError} When it fails; with what it complained of.
 */
export async function runTool(
  command: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> {
  const [program = "", ...args] = command;
  const { success, stdout, stderr } = await new Deno.Command(program, { args, ...options, stdin: "null" }).output();
  if (!success) throw new UnavailableError(`${program} failed: ${new TextDecoder().decode(stderr).trim().slice(-500)}`);
  return new TextDecoder().decode(stdout);
}
