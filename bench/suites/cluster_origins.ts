/**
 * The broker's part of a request's way, from one origin to another, beside a bare call over the same broker.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import { ORIGINS, startOrigins } from "../peers/origins.ts";
import { amqp, NO_SHORTCUTS } from "../peers/relay_cluster.ts";
import { RPC, startRpc } from "../peers/rpc.ts";
import { measureCalls } from "./broker_calls.ts";
import type { Bench } from "./suite.ts";

/** Requests from origin to origin, and bare calls. */
export async function measureOrigins(bench: Bench, broker: Broker): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const rpc = resources.use(await startRpc(bench.folder, { brokerUrl: broker.url }));
  const settings = { ...amqp(broker, "classic"), ...NO_SHORTCUTS };
  const origins = resources.use(await startOrigins(bench.folder, { settings }));
  await measureCalls(bench, "cluster", [{ peer: RPC, calls: rpc }, { peer: ORIGINS, calls: origins }]);
}
