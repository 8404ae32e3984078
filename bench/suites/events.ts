/**
 * Server-sent events of one stream, as fast as they come.
 *
 * @module
 */

import { countEvents } from "../load/transfer.ts";
import { defaultRelay, direct, fetchProxy, nginx, ssh } from "../peers/mod.ts";
import { type Suite, takeTurns, withUsage } from "./suite.ts";

/** Events of about 110 bytes, each sent by itself. */
export const events: Suite = {
  name: "events",
  async run(bench) {
    await takeTurns(bench, {
      suite: this.name,
      peers: [direct, nginx, ssh, fetchProxy, defaultRelay],
      rounds: bench.isQuick ? 1 : 3,
      start: { targetPort: bench.targets.sinkPort },
      async measure(running, { name: peer }) {
        const add = (metric: string, value: number) =>
          bench.measurements.add({ suite: "events", peer, load: "1 stream", metric }, value);
        const url = `${running.url}/events`;
        const count = () => countEvents(url, { seconds: bench.isQuick ? 1 : 2 });
        await count();
        const { result, usage } = await withUsage(running, count);
        add("events/s", result.events / result.durationMs * 1000);
        for (const [name, { cpuMs }] of usage) add(`CPU µs/event: ${name}`, cpuMs * 1000 / result.events);
      },
    });
  },
};
