/**
 * Two servers behind a balancer, beside one server behind the same balancer.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import { wrk } from "../load/wrk.ts";
import { startBalancer } from "../nginx.ts";
import {
  defaultRelay,
  LISTENERS,
  type RelayServerProgram,
  startRelayConnector,
  startRelayServer,
} from "../peers/mod.ts";
import { startRelayCluster } from "../peers/relay_cluster.ts";
import { type Bench, WARM_UP_SECONDS } from "./suite.ts";

const CLIENTS = 32;
const PAIRS = 6;
/** One to each server, or two to the only one. */
const CONNECTIONS = 2;

/** Both side by side, measured in turn. What each needs beside the servers is the same: one connector with two connections, by the balancer. */
export async function measureBalanced(bench: Bench, broker: Broker): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const single = resources.use(await startRelayServer(bench.folder, { listener: LISTENERS[0] }));
  const { servers } = resources.use(await startRelayCluster(bench.folder, broker));
  const sites = [
    { load: "one server behind a balancer", serverCount: 1, url: await startSite(bench, resources, [single]) },
    { load: "two servers behind a balancer", serverCount: 2, url: await startSite(bench, resources, servers) },
  ];
  for (const { serverCount, url } of sites) {
    await wrk(url, { clients: CLIENTS, seconds: WARM_UP_SECONDS * serverCount });
  }
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const { load, url } of pair % 2 === 0 ? sites : sites.toReversed()) {
      const { requestsPerSecond, p50Us, p99Us } = await wrk(url, { clients: CLIENTS, seconds: bench.isQuick ? 1 : 2 });
      const add = (metric: string, value: number) =>
        bench.measurements.add({ suite: "cluster", peer: defaultRelay.name, load, metric }, value);
      add("requests/s", requestsPerSecond);
      add("p50 µs", p50Us);
      add("p99 µs", p99Us);
    }
  }
}

/** @returns What to call. */
async function startSite(
  bench: Bench,
  resources: AsyncDisposableStack,
  servers: readonly RelayServerProgram[],
): Promise<string> {
  const balancer = resources.use(await startBalancer(bench.folder, servers.map(({ port }) => port)));
  const tenant = await servers[0]!.database.createTenant({ name: "bench" });
  const place = { serverPort: balancer.port, targetPort: bench.targets.filePort, connections: CONNECTIONS };
  resources.use(await startRelayConnector(bench.folder, tenant, place));
  return `http://127.0.0.1:${balancer.port}/relay/bench/web/small`;
}
