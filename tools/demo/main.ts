/**
 * `deno task demo`: the main job on embedded defaults, on one machine.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type Io, systemIo } from "../../shared/cli/io.ts";
import { Demo } from "./demo.ts";

const HELP = `Starts a server, a connector and a sample target, relays a first request and keeps running.

Usage: deno task demo [--once]

Options:
  --once  Stop after the first request; exit with 0 only if it was relayed
  --help  Show this help
`;

/** The reason for which the user's wish ends the demo. */
const ASKED = new Error("Stopped before a request was relayed");

async function main(args: readonly string[], io: Io): Promise<number> {
  const options = parseOptions(args);
  if (options instanceof Error) {
    io.output.writeError(`${options.message}\nSee deno task demo --help\n`);
    return 2;
  }
  if (options.help) {
    io.output.write(HELP);
    return 0;
  }
  // The demo's own requests, and those of its programs, stay on this machine.
  Deno.env.set("NO_PROXY", [io.env.NO_PROXY ?? io.env.no_proxy, "127.0.0.1"].filter(Boolean).join(","));
  return await runDemo(io, { isOnce: options.once === true });
}

async function runDemo(io: Io, { isOnce }: { readonly isOnce: boolean }): Promise<number> {
  const stop = new AbortController();
  using _signals = listenToSignals(io, () => stop.abort(ASKED));
  let isRelayed = false;
  try {
    await using demo = new Demo({ print: io.output.write, env: Deno.env.toObject(), stop });
    await demo.start();
    isRelayed = true;
    if (!isOnce) {
      demo.showWhatToTry();
      await aborted(stop.signal);
    }
  } catch (error) {
    if (isRelayed && error === ASKED) return 0;
    io.output.writeError(`${describe(error)}\n`);
    return 1;
  }
  return 0;
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { once: { type: "boolean" }, help: { type: "boolean" } } }).values;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** Also takes the end of the terminal, which the children in their own process groups would survive. */
function listenToSignals(io: Io, listener: () => void): Disposable {
  const signals = new DisposableStack();
  signals.use(io.onTermination(listener));
  Deno.addSignalListener("SIGHUP", listener);
  signals.defer(() => Deno.removeSignalListener("SIGHUP", listener));
  return signals;
}

function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}\n${describe(error.cause)}`;
}

Deno.exit(await main(Deno.args, systemIo()));
