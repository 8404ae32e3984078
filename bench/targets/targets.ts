/**
 * What is reached through the peers: files that nginx serves, and a program that takes bodies and sends events.
 *
 * @module
 */

import { join } from "node:path";
import { startFileServer } from "../nginx.ts";
import { Program } from "../processes.ts";

/** Bytes of a large transfer. */
export const LARGE_BYTES = 100_000_000;
/** Bytes of a large transfer over a slow link. */
export const MEDIUM_BYTES = 20_000_000;

/** The running targets. */
export interface Targets extends AsyncDisposable {
  /** Serves `/small` (1 KiB), `/medium` (20 MB) and `/large` (100 MB). */
  readonly filePort: number;
  /** Takes `POST`, answers its size; anything else gets events. */
  readonly sinkPort: number;
}

/** Starts the targets; they live as long as the run, so that all peers have the same. */
export async function startTargets(folder: string): Promise<Targets> {
  await using resources = new AsyncDisposableStack();
  const root = join(folder, "files");
  await Deno.mkdir(root);
  await Deno.writeFile(join(root, "small"), new Uint8Array(1024).fill(0x78));
  await Deno.writeFile(join(root, "medium"), new Uint8Array(MEDIUM_BYTES).fill(0x78));
  await Deno.writeFile(join(root, "large"), new Uint8Array(LARGE_BYTES).fill(0x78));
  const files = resources.use(await startFileServer(folder, root));
  const script = join(import.meta.dirname ?? "", "sink.ts");
  const command = [Deno.execPath(), "run", "--no-prompt", "--allow-net=127.0.0.1", script];
  const sink = resources.use(Program.start(command, { folder }));
  const sinkPort = Number((await sink.waitFor(/port (\d+)\n/))[1]);
  const kept = resources.move();
  return { filePort: files.port, sinkPort, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
