/**
 * Programs that call each other over the broker.
 *
 * @module
 */

import { join } from "node:path";
import type { CallLoad, CallResult } from "../load/calls.ts";
import { Program } from "../processes.ts";

const PROJECT_ROOT = join(import.meta.dirname ?? "", "../..");
const PERMISSIONS = ["--no-prompt", "--allow-net=127.0.0.1", "--allow-env", "--allow-read", "--allow-write"];

/** A program that calls and one that answers. Hold it with `await using`. */
export interface Calls extends AsyncDisposable {
  readonly programs: Readonly<Record<"caller" | "answerer", Program>>;
  measure(load: CallLoad): Promise<CallResult>;
}

/** One of the programs of `load/`, with the value that it reads from its first argument. */
export interface CallProgram {
  readonly script: string;
  readonly argument: Readonly<Record<string, unknown>>;
}

/** Starts the program that answers, then the one that calls. */
export async function startCalls(
  folder: string,
  { answerer, caller }: Readonly<Record<"answerer" | "caller", CallProgram>>,
): Promise<Calls> {
  await using resources = new AsyncDisposableStack();
  const start = ({ script, argument }: CallProgram) => {
    const file = join(import.meta.dirname ?? "", "../load", script);
    const command = [Deno.execPath(), "run", ...PERMISSIONS, file, JSON.stringify(argument)];
    return resources.use(Program.start(command, { folder, cwd: PROJECT_ROOT }));
  };
  const answering = start(answerer);
  await answering.waitFor(/ready\n/);
  const calling = start(caller);
  const [, port] = await calling.waitFor(/port (\d+)\n/);
  const kept = resources.move();
  return {
    programs: { caller: calling, answerer: answering },
    async measure(load) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: JSON.stringify(load) });
      if (!response.ok) throw new Error(`Calls failed: ${await response.text()}`);
      return await response.json();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
