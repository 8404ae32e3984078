/**
 * Two servers of this project that share a database and a broker.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import { LISTENERS, type RelayServerProgram, type ServerSettings, startRelayServer } from "./relay.ts";

const TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/** Nothing takes a shorter way than by the broker. */
export const NO_SHORTCUTS: ServerSettings = { connectorTransportShortcut: false, serverTransportShortcut: false };

/** A running cluster. Hold it with `await using`. */
export interface RelayCluster extends AsyncDisposable {
  readonly servers: readonly [RelayServerProgram, RelayServerProgram];
}

/** The server transport over a broker. */
export function amqp({ url }: Broker, queueType: "classic" | "quorum"): ServerSettings {
  return { transport: { type: "amqp", amqp: { urls: [url], queueType } } };
}

/** Starts two servers with the defaults but for the broker and what is given of the configuration. */
export async function startRelayCluster(
  folder: string,
  broker: Broker,
  settings: ServerSettings = {},
): Promise<RelayCluster> {
  await using resources = new AsyncDisposableStack();
  const dataDirectory = await Deno.makeTempDir({ dir: folder, prefix: "cluster-" });
  const all = { listener: LISTENERS[0], dataDirectory, ...amqp(broker, "classic"), ...settings };
  const first = resources.use(await startRelayServer(folder, all));
  const second = resources.use(await startRelayServer(folder, all));
  const kept = resources.move();
  return { servers: [first, second], [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/**
 * Waits until a server has heard of a connector elsewhere.
 *
 * @param url Something that its target answers, with whatever status.
 */
export async function untilAnswered(url: string): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS;
  while (true) {
    const response = await fetch(url);
    await response.body?.cancel();
    if (response.status < 500) return;
    if (performance.now() > endMs) throw new Error(`${url} is still answered with ${response.status}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
