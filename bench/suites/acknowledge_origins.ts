/**
 * The broker's part of a stored request's way, from one origin to another, beside a bare confirmed call over the same broker.
 *
 * @module
 */

import { ORIGINS, startOrigins } from "../peers/origins.ts";
import { amqp } from "../peers/relay_cluster.ts";
import { CONFIRMED_RPC, startRpc } from "../peers/rpc.ts";
import type { Carrier } from "./acknowledge_modes.ts";
import { measureCalls } from "./broker_calls.ts";
import type { Bench } from "./suite.ts";

/** Stored requests from origin to origin, and bare confirmed calls. */
export async function measureStoredCalls(bench: Bench, { broker, queueType }: Carrier): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const rpc = resources.use(await startRpc(bench.folder, { brokerUrl: broker.url, confirmedQueueType: queueType }));
  const settings = amqp(broker, queueType);
  const origins = resources.use(await startOrigins(bench.folder, { settings, isStored: true }));
  const load = `amqp ${queueType}`;
  await measureCalls(bench, "acknowledge", [
    { peer: CONFIRMED_RPC, calls: rpc, load },
    { peer: ORIGINS, calls: origins, load },
  ]);
}
