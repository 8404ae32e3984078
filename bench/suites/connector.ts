/**
 * The connector as a product: time from its start until it is connected, memory before and after many requests, and CPU per request, as an
 * executable and as `deno run`, beside bare calls of the same target.
 *
 * @module
 */

import { join } from "node:path";
import { BaseRuntimeError, compile } from "../../tools/compile/compile.ts";
import { executableName, PROGRAMS, TARGETS } from "../../tools/compile/programs.ts";
import { wrk } from "../load/wrk.ts";
import { LISTENERS, startRelayConnector, startRelayServer } from "../peers/mod.ts";
import { Program, readUsage } from "../processes.ts";
import { UnavailableError } from "../tools.ts";
import { type Bench, type Suite, withUsage } from "./suite.ts";

const CLIENTS = 32;
const PROJECT_ROOT = join(import.meta.dirname ?? "", "../..");
const MIB = 1 << 20;
const CALLS = 20_000;

/** Executable, program, and bare calls, one after the other. */
export const connector: Suite = {
  name: "connector",
  async run(bench) {
    await attempt(
      bench,
      "executable",
      async () => await measureConnector(bench, "executable", await executable(bench)),
    );
    await attempt(bench, "deno run", () => measureConnector(bench, "deno run"));
    await attempt(bench, "bare node:http", () => measureCalls(bench));
  },
};

async function attempt(bench: Bench, peer: string, measure: () => Promise<void>): Promise<void> {
  bench.progress(`connector: ${peer}`);
  try {
    await measure();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    bench.measurements.missing.push({ suite: "connector", peer, reason });
  }
}

async function executable({ folder }: Bench): Promise<string> {
  const programs = PROGRAMS.filter(({ name }) => name === "connector");
  const targets = TARGETS.filter(({ triple }) => triple === Deno.build.target);
  const deno = Deno.env.get("RELAY_COMPILE_DENO") ?? Deno.execPath();
  const [program, target] = [programs[0], targets[0]];
  if (program === undefined || target === undefined) throw new UnavailableError("there is none for this machine");
  try {
    await compile({ root: PROJECT_ROOT, outputFolder: folder, programs, targets, deno, commit: "bench", report() {} });
  } catch (error) {
    if (!(error instanceof BaseRuntimeError)) throw error;
    throw new UnavailableError("no base runtime of Deno to compile with", { cause: error });
  }
  return join(folder, executableName(program, target));
}

async function measureConnector(bench: Bench, peer: string, path?: string): Promise<void> {
  await using server = await startRelayServer(bench.folder, { listener: LISTENERS[0], requestLogger: [] });
  const tenant = await server.database.createTenant({ name: "bench" });
  const add = (load: string, metric: string, value: number) =>
    bench.measurements.add({ suite: "connector", peer, load, metric }, value);
  const startMs = performance.now();
  const ports = { serverPort: server.port, targetPort: bench.targets.filePort, executable: path };
  await using program = await startRelayConnector(bench.folder, tenant, ports);
  add("at rest", "seconds until connected", (performance.now() - startMs) / 1_000);
  const programs = { connector: program };
  add("at rest", "MiB", (await readUsage(programs)).connector.residentBytes / MIB);
  const wanted = bench.isQuick ? 20_000 : 1_000_000;
  const url = `http://127.0.0.1:${server.port}/relay/bench/web/small`;
  await wrk(url, { clients: CLIENTS, seconds: bench.isQuick ? 1 : 3 });
  const { result: requests, usage } = await withUsage({ programs }, async () => {
    let sent = 0;
    while (sent < wanted) sent += (await wrk(url, { clients: CLIENTS, seconds: bench.isQuick ? 2 : 20 })).requests;
    return sent;
  });
  const load = `after ${wanted} requests`;
  for (const [, { cpuMs, residentBytes }] of usage) {
    add(load, "MiB", residentBytes / MIB);
    add(load, "CPU µs/request", cpuMs * 1_000 / requests);
  }
}

async function measureCalls({ folder, targets, measurements }: Bench): Promise<void> {
  const script = join(import.meta.dirname ?? "", "../load/node_http_calls.ts");
  const args = [script, String(targets.filePort), String(CALLS), String(CLIENTS)];
  const command = [Deno.execPath(), "run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-env", ...args];
  await using program = Program.start(command, { folder, cwd: PROJECT_ROOT });
  const [, cpuUs] = await program.waitFor(/CPU ([\d.]+) us a call\n/, { timeoutMs: 60_000 });
  const key = { suite: "connector", peer: "bare node:http", load: "calls", metric: "CPU µs/request" };
  measurements.add(key, Number(cpuUs));
}
