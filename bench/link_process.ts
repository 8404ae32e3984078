/**
 * A link in a process of its own, so that what it costs does not count as anybody's.
 *
 * @module
 */

import { join } from "node:path";
import type { Link, LinkOptions } from "./link.ts";
import { Program } from "./processes.ts";

/**
 * Starts a link to a port, or none.
 *
 * @returns What to connect to instead of the port: the link, or without one the port itself.
 */
export async function startLinkTo(
  targetPort: number,
  { link, folder }: { readonly link?: LinkOptions; readonly folder: string },
): Promise<Link> {
  if (link === undefined) return { port: targetPort, [Symbol.asyncDispose]: async () => {} };
  const script = join(import.meta.dirname ?? "", "link.ts");
  const argument = JSON.stringify({ targetPort, ...link });
  const command = [Deno.execPath(), "run", "--no-prompt", "--allow-net=127.0.0.1", script, argument];
  const program = Program.start(command, { folder });
  const [, port] = await program.waitFor(/port (\d+)\n/);
  return { port: Number(port), [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}
