/**
 * The same over a link with a round trip of 50 ms between the two halves of each peer.
 *
 * @module
 */

import type { LinkOptions } from "../link.ts";
import { download, upload } from "../load/transfer.ts";
import { wrk } from "../load/wrk.ts";
import { defaultRelay, direct, type Peer, ssh } from "../peers/mod.ts";
import { LARGE_BYTES, MEDIUM_BYTES } from "../targets/targets.ts";
import { type Bench, type Suite, takeTurns } from "./suite.ts";

const ONE_WAY_MS = 25;

interface LinkCase {
  readonly name: string;
  readonly link: LinkOptions;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly file: "medium" | "large";
  readonly sizeBytes: number;
}

/** `direct` stands for the link itself: what it lets through with no tunnel in it. */
const PEERS = [direct, ssh, defaultRelay];

const CASES: readonly LinkCase[] = [
  {
    name: "no delay, no limit",
    link: { delayMs: 0 },
    peers: [direct],
    rounds: 3,
    file: "large",
    sizeBytes: LARGE_BYTES,
  },
  {
    name: "1 Gbit/s",
    link: { delayMs: ONE_WAY_MS, bitsPerSecond: 1e9 },
    peers: PEERS,
    rounds: 3,
    file: "large",
    sizeBytes: LARGE_BYTES,
  },
  {
    name: "20 Mbit/s",
    link: { delayMs: ONE_WAY_MS, bitsPerSecond: 20e6 },
    peers: PEERS,
    // A link this slow leaves little to chance, and takes its time.
    rounds: 1,
    file: "medium",
    sizeBytes: MEDIUM_BYTES,
  },
];

/** Large bodies and small requests over delayed links. */
export const links: Suite = {
  name: "links",
  async run(bench) {
    for (const one of CASES) {
      await measure(bench, one, "down", (url) => download(`${url}/${one.file}`, one.sizeBytes));
      await measure(bench, one, "up", (url) => upload(`${url}/`, one.sizeBytes));
    }
  },
};

async function measure(
  bench: Bench,
  { name, link, peers, rounds, file, sizeBytes }: LinkCase,
  direction: "down" | "up",
  transfer: (url: string) => Promise<number>,
): Promise<void> {
  const isDown = direction === "down";
  await takeTurns(bench, {
    suite: "links",
    peers,
    rounds: bench.isQuick ? 1 : rounds,
    start: { targetPort: isDown ? bench.targets.filePort : bench.targets.sinkPort, link },
    async measure(running, { name: peer }) {
      const add = (what: string, metric: string, value: number) =>
        bench.measurements.add({ suite: "links", peer, load: `${name}, ${what}`, metric }, value);
      const size = `${sizeBytes / 1e6} MB ${direction}`;
      // The first transfer also finds out how much the link holds; on a slow one there is no time for a second.
      if (file === "large") await transfer(running.url);
      add(size, "MB/s", await transfer(running.url) / 1e6);
      if (!isDown) return;
      const { requestsPerSecond, p50Us, p99Us } = await wrk(`${running.url}/small`, { clients: 32, seconds: 2 });
      add("32 clients", "requests/s", requestsPerSecond);
      add("32 clients", "p50 µs", p50Us);
      add("32 clients", "p99 µs", p99Us);
    },
  });
}
