/**
 * Small requests: how many, how long each, what they cost.
 *
 * @module
 */

import { wrk } from "../load/wrk.ts";
import {
  bareRelay,
  direct,
  fetchProxy,
  localtunnel,
  nginx,
  type Peer,
  relays,
  type RunningPeer,
  ssh,
} from "../peers/mod.ts";
import { type Bench, type Suite, takeTurns, WARM_UP_SECONDS, withUsage } from "./suite.ts";

const CLIENTS = [1, 32, 256];
const MIB = 1024 * 1024;

/** All peers, with 1, 32 and 256 clients. */
export const requests: Suite = {
  name: "requests",
  async run(bench) {
    await takeTurns(bench, {
      suite: this.name,
      peers: [direct, nginx, ssh, localtunnel, fetchProxy, bareRelay, ...relays],
      rounds: bench.isQuick ? 1 : 3,
      start: { targetPort: bench.targets.filePort },
      measure: (running, peer) => measure(bench, running, peer),
    });
  },
};

async function measure(bench: Bench, running: RunningPeer, peer: Peer): Promise<void> {
  const seconds = bench.isQuick ? 1 : 2;
  const url = `${running.url}/small`;
  const { headers } = running;
  await wrk(url, { clients: 32, seconds: WARM_UP_SECONDS, headers });
  for (const clients of CLIENTS) {
    const { result, usage } = await withUsage(running, () => wrk(url, { clients, seconds, headers }));
    const load = clients === 1 ? "1 client" : `${clients} clients`;
    const add = (metric: string, value: number) =>
      bench.measurements.add({ suite: "requests", peer: peer.name, load, metric }, value);
    add("requests/s", result.requestsPerSecond);
    add("p50 µs", result.p50Us);
    add("p99 µs", result.p99Us);
    for (const [name, { cpuMs }] of usage) add(`CPU µs/request: ${name}`, cpuMs * 1000 / result.requests);
    for (const [name, { residentBytes }] of usage) add(`memory MiB: ${name}`, residentBytes / MIB);
  }
}
