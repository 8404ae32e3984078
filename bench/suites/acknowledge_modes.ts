/**
 * Acknowledge modes beside each other; and the broker's part of a stored request's way beside a bare confirmed call. `manual` is not among them: its
 * time is its target's.
 *
 * @module
 */

import type { AcknowledgeMode } from "../../server/persistence/mod.ts";
import type { Broker } from "../broker.ts";
import { wrk } from "../load/wrk.ts";
import {
  defaultRelay,
  LISTENERS,
  type RelayServerProgram,
  startRelayConnector,
  startRelayServer,
} from "../peers/mod.ts";
import { ORIGINS, startOrigins } from "../peers/origins.ts";
import { amqp, startRelayCluster, untilAnswered } from "../peers/relay_cluster.ts";
import { CONFIRMED_RPC, startRpc } from "../peers/rpc.ts";
import { measureCalls } from "./broker_calls.ts";
import { type Bench, WARM_UP_SECONDS } from "./suite.ts";

/** Kinds of queues that the broker has. */
export const QUEUE_TYPES = ["classic", "quorum"] as const;

const MODES: readonly AcknowledgeMode[] = ["disabled", "connectorReceived", "connectorFinished"];
const CLIENTS = [1, 32];
const PAIRS = 4;
const PAIRS_OF_QUICK_BROKER = 2;

/** A server transport over a broker. */
export interface Carrier {
  readonly broker: Broker;
  readonly queueType: typeof QUEUE_TYPES[number];
}

/** A mode that takes a turn. */
interface Turn {
  readonly mode: AcknowledgeMode;
  readonly url: string;
}

/** The load's name, also of the bare call, which has no mode. */
export function modeLoad(clients: number, mode?: AcknowledgeMode, queueType?: Carrier["queueType"]): string {
  const people = clients === 1 ? "1 client" : `${clients} clients`;
  return [...(queueType === undefined ? [] : [`amqp ${queueType}`]), ...(mode === undefined ? [] : [mode]), people]
    .join(", ");
}

/** Stored requests from origin to origin, and bare confirmed calls. */
export async function measureStoredCalls(bench: Bench, { broker, queueType }: Carrier): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const rpc = resources.use(await startRpc(bench.folder, { brokerUrl: broker.url, confirmedQueueType: queueType }));
  const settings = amqp(broker, queueType);
  const origins = resources.use(await startOrigins(bench.folder, { settings, isStored: true }));
  await measureCalls(bench, "acknowledge", [
    { peer: CONFIRMED_RPC, calls: rpc, load: (inFlight) => modeLoad(inFlight, undefined, queueType) },
    { peer: ORIGINS, calls: origins, load: (inFlight) => modeLoad(inFlight, "connectorFinished", queueType) },
  ]);
}

/** A tenant for each mode, measured in turn: on one server, or across two and a broker. */
export async function measureModes(bench: Bench, carrier?: Carrier): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const turns = await startModes(bench, resources, carrier);
  const pairs = bench.isQuick && carrier !== undefined ? PAIRS_OF_QUICK_BROKER : PAIRS;
  for (let pair = 0; pair < pairs; pair++) {
    for (const { mode, url } of pair % 2 === 0 ? turns : turns.toReversed()) {
      for (const clients of CLIENTS) {
        const { requestsPerSecond, p50Us } = await wrk(url, { clients, seconds: bench.isQuick ? 1 : 2 });
        const load = modeLoad(clients, mode, carrier?.queueType);
        const series = { suite: "acknowledge", peer: defaultRelay.name, load };
        bench.measurements.add({ ...series, metric: "requests/s" }, requestsPerSecond);
        bench.measurements.add({ ...series, metric: "p50 µs" }, p50Us);
      }
    }
  }
}

async function startModes(bench: Bench, resources: AsyncDisposableStack, carrier?: Carrier): Promise<Turn[]> {
  const [near, far] = await startServers(bench, resources, carrier);
  const turns: Turn[] = [];
  for (const mode of MODES) {
    const tenant = await near.database.createTenant({ name: mode, acknowledgeMode: mode });
    const ports = { serverPort: far.port, targetPort: bench.targets.filePort };
    resources.use(await startRelayConnector(bench.folder, tenant, ports));
    const url = `http://127.0.0.1:${near.port}/relay/${mode}/web/small`;
    await untilAnswered(url);
    await wrk(url, { clients: 32, seconds: WARM_UP_SECONDS });
    turns.push({ mode, url });
  }
  return turns;
}

/**
 * With a broker the connectors are at the other server: at the same one no request would go by the broker, and its figures would be those of memory.
 *
 * @returns The clients' server and the connectors'.
 */
async function startServers(
  bench: Bench,
  resources: AsyncDisposableStack,
  carrier?: Carrier,
): Promise<readonly [RelayServerProgram, RelayServerProgram]> {
  if (carrier !== undefined) {
    const transport = amqp(carrier.broker, carrier.queueType);
    return resources.use(await startRelayCluster(bench.folder, carrier.broker, transport)).servers;
  }
  const server = resources.use(await startRelayServer(bench.folder, { listener: LISTENERS[0] }));
  return [server, server];
}
