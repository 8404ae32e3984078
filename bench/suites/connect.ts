/**
 * A thousand connectors that come at once, as after an outage: discovery, token, WebSocket, handshake.
 *
 * @module
 */

import { join } from "node:path";
import { defaultRelay, LISTENERS, startRelayServer } from "../peers/mod.ts";
import { Program, readUsage } from "../processes.ts";
import type { Bench, Suite } from "./suite.ts";

const CONNECTORS = 1_000;
const TIMEOUT_MS = 60_000;
const PROJECT_ROOT = join(import.meta.dirname ?? "", "../..");

/** How long it takes until all are connected. */
export const connect: Suite = {
  name: "connect",
  async run(bench) {
    const rounds = bench.isQuick ? 1 : 3;
    for (let round = 0; round < rounds; round++) {
      bench.progress(`connect ${round + 1}/${rounds}`);
      try {
        await measure(bench);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        bench.measurements.missing.push({ suite: this.name, peer: defaultRelay.name, reason });
        return;
      }
    }
  },
};

async function measure(bench: Bench): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await startRelayServer(bench.folder, { listener: LISTENERS[0] }));
  const tenants = [];
  for (let index = 0; index < CONNECTORS; index++) {
    tenants.push(await server.database.createTenant({ name: `tenant-${index}` }));
  }
  const file = join(bench.folder, `fleet-${crypto.randomUUID()}.json`);
  await Deno.writeTextFile(file, JSON.stringify({ url: `http://127.0.0.1:${server.port}`, tenants }));
  const programs = { server: server.program };
  const before = await readUsage(programs);
  const script = join(import.meta.dirname ?? "", "../load/fleet.ts");
  const permissions = ["--no-prompt", "--allow-net=127.0.0.1", "--allow-env", "--allow-read", "--allow-sys=hostname"];
  const command = [Deno.execPath(), "run", ...permissions, script, file];
  const fleet = resources.use(Program.start(command, { folder: bench.folder, cwd: PROJECT_ROOT }));
  const [, durationMs] = await fleet.waitFor(/connected in (\d+) ms\n/, { timeoutMs: TIMEOUT_MS });
  const after = await readUsage(programs);
  const add = (metric: string, value: number) =>
    bench.measurements.add(
      { suite: "connect", peer: defaultRelay.name, load: `${CONNECTORS} connectors`, metric },
      value,
    );
  add("seconds until connected", Number(durationMs) / 1_000);
  add("CPU ms a connector: server", (after.server.cpuMs - before.server.cpuMs) / CONNECTORS);
}
