/**
 * Large bodies to one server from and to a connector at the other.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import { download, upload } from "../load/transfer.ts";
import { defaultRelay, startRelayConnector } from "../peers/mod.ts";
import { startRelayCluster, untilAnswered } from "../peers/relay_cluster.ts";
import { readUsage } from "../processes.ts";
import { LARGE_BYTES } from "../targets/targets.ts";
import type { Bench } from "./suite.ts";

const MIB = 1024 * 1024;

/** Down and up, in a fresh cluster each, so that memory is of one direction. */
export async function measureTransfers(bench: Bench, broker: Broker): Promise<void> {
  const { filePort, sinkPort } = bench.targets;
  await measure(bench, broker, {
    load: "100 MB down",
    targetPort: filePort,
    transfer: (url) => download(`${url}/large`, LARGE_BYTES),
  });
  await measure(bench, broker, {
    load: "100 MB up",
    targetPort: sinkPort,
    transfer: (url) => upload(`${url}/`, LARGE_BYTES),
  });
}

interface Direction {
  readonly load: string;
  readonly targetPort: number;
  /** @returns Bytes a second. */
  readonly transfer: (url: string) => Promise<number>;
}

/** Memory grows with the first transfer, to what its windows take; it must not with those after it. */
async function measure(bench: Bench, broker: Broker, { load, targetPort, transfer }: Direction): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const { servers: [near, far] } = resources.use(await startRelayCluster(bench.folder, broker));
  const tenant = await near.database.createTenant({ name: "bench" });
  resources.use(await startRelayConnector(bench.folder, tenant, { serverPort: far.port, targetPort }));
  const url = `http://127.0.0.1:${near.port}/relay/bench/web`;
  await untilAnswered(`${url}/`);
  const programs = { "client's server": near.program, "connector's server": far.program };
  const add = (metric: string, value: number) =>
    bench.measurements.add({ suite: "cluster", peer: defaultRelay.name, load, metric }, value);
  await transfer(url);
  const before = await readUsage(programs);
  const repetitions = bench.isQuick ? 4 : 10;
  for (let repetition = 0; repetition < repetitions; repetition++) add("MB/s", await transfer(url) / 1e6);
  const after = await readUsage(programs);
  const names = Object.keys(programs) as (keyof typeof programs)[];
  for (const name of names) add(`memory MiB: ${name}`, after[name].residentBytes / MIB);
  add("growth MiB", Math.max(...names.map((name) => after[name].residentBytes - before[name].residentBytes)) / MIB);
}
