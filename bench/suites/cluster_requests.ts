/**
 * A request to one server for a connector at the other; and the broker's part of its way, beside a bare call over the same broker.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import { wrk } from "../load/wrk.ts";
import { defaultRelay, startRelayConnector } from "../peers/mod.ts";
import { ORIGINS, startOrigins } from "../peers/origins.ts";
import { amqp, startRelayCluster, untilAnswered } from "../peers/relay_cluster.ts";
import { RPC, startRpc } from "../peers/rpc.ts";
import { measureCalls } from "./broker_calls.ts";
import { type Bench, WARM_UP_SECONDS, withUsage } from "./suite.ts";

const CLIENTS = [1, 32];
const ROUNDS = 4;
/** Nothing takes a shorter way than by the broker. */
const NO_SHORTCUTS = { connectorTransportShortcut: false, serverTransportShortcut: false };

/** Requests from origin to origin, and bare calls. */
export async function measureOrigins(bench: Bench, broker: Broker): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const rpc = resources.use(await startRpc(bench.folder, { brokerUrl: broker.url }));
  const settings = { ...amqp(broker, "classic"), ...NO_SHORTCUTS };
  const origins = resources.use(await startOrigins(bench.folder, { settings }));
  await measureCalls(bench, "cluster", [
    { peer: RPC, calls: rpc, load: loadOf },
    { peer: ORIGINS, calls: origins, load: loadOf },
  ]);
}

/** Requests all the way, from client to target. */
export async function measureRequests(bench: Bench, broker: Broker): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const { servers: [near, far] } = resources.use(await startRelayCluster(bench.folder, broker, NO_SHORTCUTS));
  const tenant = await near.database.createTenant({ name: "bench" });
  const ports = { serverPort: far.port, targetPort: bench.targets.filePort };
  const connector = resources.use(await startRelayConnector(bench.folder, tenant, ports));
  const url = `http://127.0.0.1:${near.port}/relay/bench/web/small`;
  await untilAnswered(url);
  await wrk(url, { clients: 32, seconds: WARM_UP_SECONDS });
  const programs = { "client's server": near.program, "connector's server": far.program, connector };
  const seconds = bench.isQuick ? 1 : 2;
  for (let round = 0; round < ROUNDS; round++) {
    for (const clients of CLIENTS) {
      const { result, usage } = await withUsage({ programs }, () => wrk(url, { clients, seconds }));
      const add = (metric: string, value: number) =>
        bench.measurements.add({ suite: "cluster", peer: defaultRelay.name, load: loadOf(clients), metric }, value);
      add("requests/s", result.requestsPerSecond);
      add("p50 µs", result.p50Us);
      for (const [program, { cpuMs }] of usage) add(`CPU µs/request: ${program}`, cpuMs * 1000 / result.requests);
    }
  }
}

function loadOf(clients: number): string {
  return clients === 1 ? "1 client" : `${clients} clients`;
}
