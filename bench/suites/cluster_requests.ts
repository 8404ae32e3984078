/**
 * A request to one server for a connector at the other, beside a bare call over the same broker.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import type { CallResult } from "../load/calls.ts";
import { wrk } from "../load/wrk.ts";
import { defaultRelay, startRelayConnector } from "../peers/mod.ts";
import { NO_SHORTCUTS, startRelayCluster, untilAnswered } from "../peers/relay_cluster.ts";
import { RPC, startRpc } from "../peers/rpc.ts";
import { type Bench, WARM_UP_SECONDS, withUsage } from "./suite.ts";

const CLIENTS = [1, 32];
const PAIRS = 4;

/** Both in turn, in pairs, with 1 and with 32 clients. */
export async function measureRequests(bench: Bench, broker: Broker): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const { servers: [near, far] } = resources.use(await startRelayCluster(bench.folder, broker, NO_SHORTCUTS));
  const tenant = await near.database.createTenant({ name: "bench" });
  const ports = { serverPort: far.port, targetPort: bench.targets.filePort };
  const connector = resources.use(await startRelayConnector(bench.folder, tenant, ports));
  const rpc = resources.use(await startRpc(bench.folder, { brokerUrl: broker.url }));
  const url = `http://127.0.0.1:${near.port}/relay/bench/web/small`;
  await untilAnswered(url);
  await wrk(url, { clients: 32, seconds: WARM_UP_SECONDS });
  await rpc.measure({ inFlight: 32, seconds: WARM_UP_SECONDS });
  const programs = { "client's server": near.program, "connector's server": far.program, connector };
  const seconds = bench.isQuick ? 1 : 2;
  for (const clients of CLIENTS) {
    const load = clients === 1 ? "1 client" : `${clients} clients`;
    const add = (peer: string, { requestsPerSecond, p50Us }: Pick<CallResult, "requestsPerSecond" | "p50Us">) => {
      bench.measurements.add({ suite: "cluster", peer, load, metric: "requests/s" }, requestsPerSecond);
      bench.measurements.add({ suite: "cluster", peer, load, metric: "p50 µs" }, p50Us);
    };
    const turns = [
      async () => add(RPC, await rpc.measure({ inFlight: clients, seconds })),
      async () => {
        const { result, usage } = await withUsage({ programs }, () => wrk(url, { clients, seconds }));
        add(defaultRelay.name, result);
        for (const [program, { cpuMs }] of usage) {
          const metric = `CPU µs/request: ${program}`;
          const series = { suite: "cluster", peer: defaultRelay.name, load, metric };
          bench.measurements.add(series, cpuMs * 1000 / result.requests);
        }
      },
    ];
    for (let pair = 0; pair < PAIRS; pair++) {
      for (const turn of pair % 2 === 0 ? turns : turns.toReversed()) await turn();
    }
  }
}
