/**
 * Thousands of tenants online at one server, each with a queue at the broker.
 *
 * @module
 */

import { fetchToken } from "../../tests/testkit/http.ts";
import type { Broker } from "../broker.ts";
import { holdConnections } from "../load/connection_program.ts";
import { defaultRelay, LISTENERS, type RelayServerProgram, startRelayServer } from "../peers/mod.ts";
import { amqp } from "../peers/relay_cluster.ts";
import { readUsage } from "../processes.ts";
import type { Bench } from "./suite.ts";

const TENANTS = 5_000;
const TOKENS_AT_A_TIME = 16;
/** Until all are connected, and once more until all queues are consumed. */
const TIMEOUT_MS = 120_000;
const MIB = 1024 * 1024;

/** How long it takes until all are connected and their queues are consumed, and what it takes of the server. */
export async function measureTenants(bench: Bench, broker: Broker): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const settings = { listener: LISTENERS[0], ...amqp(broker, "classic") };
  const server = resources.use(await startRelayServer(bench.folder, settings));
  bench.progress("cluster: tenants and tokens");
  const tokens = await makeTokens(server);
  const programs = { server: server.program };
  const before = await readUsage(programs);
  bench.progress("cluster: connections");
  const startMs = performance.now();
  const url = `http://127.0.0.1:${server.port}`;
  const options = { tokens, count: TENANTS, folder: bench.folder, timeoutMs: TIMEOUT_MS };
  resources.use(await holdConnections(url, options));
  const connectedMs = performance.now() - startMs;
  const consumed = await untilConsumed(broker);
  const consumedMs = performance.now() - startMs;
  const after = await readUsage(programs);
  const add = (metric: string, value: number) =>
    bench.measurements.add(
      { suite: "cluster", peer: defaultRelay.name, load: `${TENANTS} tenants online`, metric },
      value,
    );
  add("queues consumed", consumed);
  add("seconds until connected", connectedMs / 1000);
  add("seconds until consumed", consumedMs / 1000);
  add("memory MiB: before", before.server.residentBytes / MIB);
  add("memory MiB: after", after.server.residentBytes / MIB);
  add("CPU ms a tenant: server", (after.server.cpuMs - before.server.cpuMs) / TENANTS);
}

async function makeTokens({ port, database }: RelayServerProgram): Promise<string[]> {
  const tokens: string[] = [];
  let begun = 0;
  await Promise.all(Array.from({ length: TOKENS_AT_A_TIME }, async () => {
    while (begun < TENANTS) {
      const { name, connectorSecret } = await database.createTenant({ name: `tenant-${begun++}` });
      tokens.push(
        await fetchToken(`http://127.0.0.1:${port}`, { clientId: name, clientSecret: connectorSecret }),
      );
    }
  }));
  return tokens;
}

/** @returns How many queues have a consumer, in the end or when it takes too long. */
async function untilConsumed(broker: Broker): Promise<number> {
  const endMs = performance.now() + TIMEOUT_MS;
  let consumed = 0;
  while (consumed < TENANTS && performance.now() < endMs) consumed = await broker.countConsumedQueues();
  return consumed;
}
