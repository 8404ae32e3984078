/**
 * Acknowledge modes beside each other, and over a broker beside a bare confirmed call. `manual` is not among them: its time is its target's.
 *
 * @module
 */

import type { AcknowledgeMode } from "../../server/persistence/mod.ts";
import type { Broker } from "../broker.ts";
import type { CallResult } from "../load/calls.ts";
import { wrk } from "../load/wrk.ts";
import {
  defaultRelay,
  LISTENERS,
  type RelayServerProgram,
  startRelayConnector,
  startRelayServer,
} from "../peers/mod.ts";
import { amqp, startRelayCluster, untilAnswered } from "../peers/relay_cluster.ts";
import { CONFIRMED_RPC, startRpc } from "../peers/rpc.ts";
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

type Found = Pick<CallResult, "requestsPerSecond" | "p50Us">;

/** One who takes a turn. */
interface Turn {
  readonly peer: string;
  readonly mode?: AcknowledgeMode;
  readonly measure: (load: { readonly clients: number; readonly seconds: number }) => Promise<Found>;
}

/** The load's name, also of the bare call, which has no mode. */
export function modeLoad(clients: number, mode?: AcknowledgeMode, queueType?: Carrier["queueType"]): string {
  const people = clients === 1 ? "1 client" : `${clients} clients`;
  return [...(queueType === undefined ? [] : [`amqp ${queueType}`]), ...(mode === undefined ? [] : [mode]), people]
    .join(", ");
}

/** A tenant for each mode, measured in turn: on one server, or across two and a broker. */
export async function measureModes(bench: Bench, carrier?: Carrier): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const turns = await startModes(bench, resources, carrier);
  if (carrier !== undefined) turns.push(await startBareCalls(bench, resources, carrier));
  const pairs = bench.isQuick && carrier !== undefined ? PAIRS_OF_QUICK_BROKER : PAIRS;
  for (let pair = 0; pair < pairs; pair++) {
    for (const { peer, mode, measure } of pair % 2 === 0 ? turns : turns.toReversed()) {
      for (const clients of CLIENTS) {
        const { requestsPerSecond, p50Us } = await measure({ clients, seconds: bench.isQuick ? 1 : 2 });
        const series = { suite: "acknowledge", peer, load: modeLoad(clients, mode, carrier?.queueType) };
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
    turns.push({ peer: defaultRelay.name, mode, measure: (load) => wrk(url, load) });
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

async function startBareCalls(bench: Bench, resources: AsyncDisposableStack, carrier: Carrier): Promise<Turn> {
  const { broker: { url: brokerUrl }, queueType } = carrier;
  const rpc = resources.use(await startRpc(bench.folder, { brokerUrl, confirmedQueueType: queueType }));
  await rpc.measure({ inFlight: 32, seconds: WARM_UP_SECONDS });
  return { peer: CONFIRMED_RPC, measure: ({ clients, seconds }) => rpc.measure({ inFlight: clients, seconds }) };
}
