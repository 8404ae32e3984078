/**
 * Ten thousand connections that do nothing but answer pings.
 *
 * @module
 */

import { holdConnections } from "../load/connection_program.ts";
import { defaultRelay, LISTENERS, startRelayServer } from "../peers/mod.ts";
import { readUsage } from "../processes.ts";
import { fetchToken } from "../../tests/testkit/http.ts";
import type { Bench, Suite } from "./suite.ts";

const CONNECTIONS = 10_000;
const CLIENT_PROGRAMS = 2;
/** A connection is pinged after half of the keep-alive interval of 15 s. */
const PING_ROUNDS_SECONDS = 15;
const MIB = 1024 * 1024;

/** What an idle connection costs the server. */
export const idle: Suite = {
  name: "idle",
  async run(bench) {
    bench.progress(this.name);
    try {
      await measure(bench);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      bench.measurements.missing.push({ suite: this.name, peer: defaultRelay.name, reason });
    }
  },
};

async function measure(bench: Bench): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await startRelayServer(bench.folder, { listener: LISTENERS[0] }));
  const url = `http://127.0.0.1:${server.port}`;
  const tenant = await server.database.createTenant({ name: "bench" });
  const token = await fetchToken(url, { clientId: tenant.name, clientSecret: tenant.connectorSecret });
  const options = { tokens: [token], folder: bench.folder };
  resources.use(await holdConnections(url, { ...options, count: 1 }));
  const programs = { server: server.program };
  const before = await readUsage(programs);
  const startMs = performance.now();
  const count = CONNECTIONS / CLIENT_PROGRAMS;
  const opening = Array.from({ length: CLIENT_PROGRAMS }, () => holdConnections(url, { ...options, count }));
  for (const opened of await Promise.allSettled(opening)) {
    if (opened.status === "rejected") throw opened.reason;
    resources.use(opened.value);
  }
  const openingMs = performance.now() - startMs;
  const opened = await readUsage(programs);
  const waitSeconds = bench.isQuick ? PING_ROUNDS_SECONDS / 2 : PING_ROUNDS_SECONDS;
  await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1000));
  const after = await readUsage(programs);

  const add = (metric: string, value: number) =>
    bench.measurements.add({
      suite: "idle",
      peer: defaultRelay.name,
      load: `${CONNECTIONS} connections`,
      metric,
    }, value);
  add("KiB/connection", (after.server.residentBytes - before.server.residentBytes) / 1024 / CONNECTIONS);
  add("memory MiB: before", before.server.residentBytes / MIB);
  add("memory MiB: after", after.server.residentBytes / MIB);
  add("CPU % of a core", (after.server.cpuMs - opened.server.cpuMs) / waitSeconds / 10);
  add("opened/s", CONNECTIONS / openingMs * 1000);
  add("CPU µs to open one", (opened.server.cpuMs - before.server.cpuMs) * 1000 / CONNECTIONS);
}
