/**
 * What it costs to lose nothing: acknowledge modes beside each other, and how fast a queue becomes empty.
 *
 * @module
 */

import { StoredRequestRepository } from "../../server/persistence/mod.ts";
import { startBroker } from "../broker.ts";
import {
  defaultRelay,
  LISTENERS,
  type RelayServerProgram,
  startRelayConnector,
  startRelayServer,
} from "../peers/mod.ts";
import { measureModes, QUEUE_TYPES } from "./acknowledge_modes.ts";
import { measureStoredCalls } from "./acknowledge_origins.ts";
import type { Bench, Suite } from "./suite.ts";

const QUEUED = 10_000;
const QUEUING_CLIENTS = 32;
const POLL_MS = 50;

/** A tenant for each mode, measured in turn, on one server and across two; then a queue. */
export const acknowledge: Suite = {
  name: "acknowledge",
  async run(bench) {
    try {
      bench.progress("acknowledge: modes");
      await measureModes(bench);
      for (const queueType of QUEUE_TYPES) {
        bench.progress(`acknowledge: modes, ${queueType} queues`);
        await using broker = await startBroker(bench.folder);
        await measureStoredCalls(bench, { broker, queueType });
        await measureModes(bench, { broker, queueType });
      }
      for (let round = 0; round < (bench.isQuick ? 1 : 3); round++) {
        bench.progress(`acknowledge: queue ${round + 1}`);
        await measureQueue(bench);
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      bench.measurements.missing.push({ suite: this.name, peer: defaultRelay.name, reason });
    }
  },
};

async function measureQueue(bench: Bench): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await startRelayServer(bench.folder, { listener: LISTENERS[0] }));
  const tenant = await server.database.createTenant({ name: "queue" });
  const series = { suite: "acknowledge", peer: defaultRelay.name, load: "10000 queued requests" };
  const queuingSeconds = await timed(() => queue(server));
  bench.measurements.add({ ...series, metric: "queued/s" }, QUEUED / queuingSeconds);
  const ports = { serverPort: server.port, targetPort: bench.targets.filePort };
  resources.use(await startRelayConnector(bench.folder, tenant, ports));
  const stored = new StoredRequestRepository(server.database.handle);
  const { queued } = await stored.totals();
  const seconds = await timed(() => empty(stored));
  bench.measurements.add({ ...series, metric: "delivered/s" }, queued / seconds);
}

async function timed(act: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await act();
  return (performance.now() - startMs) / 1000;
}

async function queue({ port }: RelayServerProgram): Promise<void> {
  let left = QUEUED;
  const client = async () => {
    while (left-- > 0) {
      const response = await fetch(`http://127.0.0.1:${port}/queue/queue/web/small`);
      await response.body?.cancel();
      if (response.status !== 202) throw new Error(`Cannot queue: the answer was ${response.status}`);
    }
  };
  await Promise.all(Array.from({ length: QUEUING_CLIENTS }, client));
}

async function empty(stored: StoredRequestRepository): Promise<void> {
  while ((await stored.totals()).queued > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
