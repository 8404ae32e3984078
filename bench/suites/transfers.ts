/**
 * Large bodies, one at a time, in both directions.
 *
 * @module
 */

import { download, upload } from "../load/transfer.ts";
import { direct, fetchProxy, nginx, relays, ssh, webSocketRelay } from "../peers/mod.ts";
import { LARGE_BYTES } from "../targets/targets.ts";
import { type Bench, type Suite, takeTurns, withUsage } from "./suite.ts";

const REPETITIONS = 3;
const MIB = 1024 * 1024;

/** 100 MB down and up. */
export const transfers: Suite = {
  name: "transfers",
  async run(bench) {
    const { filePort, sinkPort } = bench.targets;
    await measure(bench, "100 MB down", filePort, (url) => download(`${url}/large`, LARGE_BYTES));
    await measure(bench, "100 MB up", sinkPort, (url) => upload(`${url}/`, LARGE_BYTES));
  },
};

async function measure(
  bench: Bench,
  load: string,
  targetPort: number,
  transfer: (url: string) => Promise<number>,
): Promise<void> {
  await takeTurns(bench, {
    suite: "transfers",
    peers: [direct, nginx, ssh, fetchProxy, ...relays, webSocketRelay],
    rounds: bench.isQuick ? 1 : 3,
    start: { targetPort },
    async measure(running, { name: peer }) {
      const add = (metric: string, value: number) =>
        bench.measurements.add({ suite: "transfers", peer, load, metric }, value);
      await transfer(running.url);
      const { result, usage } = await withUsage(running, () => repeat(() => transfer(running.url)));
      add("MB/s", result / 1e6);
      for (const [name, { cpuMs }] of usage) add(`CPU ms/100 MB: ${name}`, cpuMs / REPETITIONS);
      for (const [name, { residentBytes }] of usage) add(`memory MiB: ${name}`, residentBytes / MIB);
    },
  });
}

/** The mean rate, of the same bytes each time. */
async function repeat(transfer: () => Promise<number>): Promise<number> {
  let secondsPerByte = 0;
  for (let repetition = 0; repetition < REPETITIONS; repetition++) secondsPerByte += 1 / await transfer();
  return REPETITIONS / secondsPerByte;
}
