/**
 * What a campaign has left behind: in the database, in the body store, at the broker, and in the servers' memory.
 *
 * @module
 */

import { FileBodyStore, PROBE_KEY_PREFIX } from "../../server/body_store/mod.ts";
import { OrphanedBodies } from "../../server/maintenance/orphaned_bodies.ts";
import { type StoredRequest, StoredRequestRepository } from "../../server/persistence/mod.ts";
import type { ServerProcess } from "../testkit/programs.ts";
import { pause } from "./chaos_target.ts";
import type { Stage } from "./stage.ts";

const QUIET_TIMEOUT_MS = 90_000;
/** When nothing is stored any more, what follows from that is soon over, in milliseconds. */
const SETTLE_TIMEOUT_MS = 15_000;
const POLL_MS = 100;
/** So many stored requests are described when some are left. */
const MAX_DESCRIBED = 5;
const METRICS_TIMEOUT_MS = 5_000;

/** Must be zero in a server that has nothing to do. */
const GAUGES =
  /^(relay_requests_in_flight|relay_requests_waiting|relay_connection_requests_in_flight|relay_stored_requests)(?:\{[^}]*\})? (.+)$/gm;

/** Whether a server could deliver what is stored. */
const CAPACITY_GAUGES =
  /^relay_(?:requests_in_flight|requests_waiting|connections|connection_requests_in_flight|transport_state|transport_peers|transport_links)(?:\{[^}]*\})? .+$/gm;

/**
 * Waits until nothing is under way any more.
 *
 * @returns How many requests are stored nevertheless.
 */
export async function quiet({ folder }: Stage): Promise<number> {
  const stored = new StoredRequestRepository(folder.database.handle);
  const deadline = performance.now() + QUIET_TIMEOUT_MS;
  for (;;) {
    const { queued } = await stored.totals();
    if (queued === 0 || performance.now() > deadline) return queued;
    await pause(POLL_MS);
  }
}

/** Describes requests that are stored though they should not be, and how each server is that could deliver them. */
export async function describeStored({ folder, tenant, servers }: Stage): Promise<readonly string[]> {
  const stored = new StoredRequestRepository(folder.database.handle);
  const { results } = await stored.list(tenant.id, { states: ["waiting", "delivering"], skip: 0, take: 10_000 });
  const held = Map.groupBy(results, ({ state, holder }) => holder === null ? state : `${state} by ${holder}`);
  return [
    ...[...held].map(([who, requests]) => `${requests.length} are ${who}`),
    ...results.slice(0, MAX_DESCRIBED).map(describeRequest),
    ...await Promise.all(servers.map(describeServer)),
  ];
}

function describeRequest(request: StoredRequest): string {
  const { path, state, holder, attempts, nextAttemptAt, expiresAt, lastError } = request;
  const inSeconds = (timeMs: number) => `${((timeMs - Date.now()) / 1000).toFixed(1)} s`;
  const held = holder === null ? "" : ` by ${holder}`;
  return `${path.slice(1)} is ${state}${held} after ${attempts} deliveries, due in ${inSeconds(nextAttemptAt)}, ` +
    `expires in ${inSeconds(expiresAt)}, last error: ${lastError ?? "none"}`;
}

/** What it holds is in the requests' rows; whether it could deliver them is told by its connections, and by what waits for those. */
async function describeServer({ managementUrl }: ServerProcess, index: number): Promise<string> {
  try {
    const text = await readMetrics(managementUrl);
    const values = [...text.matchAll(CAPACITY_GAUGES)].map(([line]) => line.replace("relay_", ""));
    return `server ${index}: ${values.join(", ")}`;
  } catch (error) {
    return `server ${index} does not tell how it is: ${error}`;
  }
}

async function readMetrics(managementUrl: string): Promise<string> {
  const response = await fetch(`${managementUrl}/metrics`, { signal: AbortSignal.timeout(METRICS_TIMEOUT_MS) });
  return await response.text();
}

/** Waits until nothing is left. @returns What is left nevertheless, in words. */
export async function findLeftovers(stage: Stage): Promise<readonly string[]> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const found = [...await inServers(stage), ...await atBroker(stage), ...await inBodyStore(stage)];
    if (found.length === 0 || performance.now() > deadline) return found;
    await pause(POLL_MS);
  }
}

async function inServers({ servers }: Stage): Promise<string[]> {
  const found: string[] = [];
  for (const [index, { managementUrl }] of servers.entries()) {
    const text = await readMetrics(managementUrl);
    for (const [, name, value] of text.matchAll(GAUGES)) {
      if (Number(value) !== 0) found.push(`${name} of server ${index} is ${value}`);
    }
  }
  return found;
}

async function atBroker(stage: Stage): Promise<string[]> {
  if (!stage.hasBroker) return [];
  const lines = (await stage.broker.ctl("list_queues", "name", "messages", "--no-table-headers")).trim().split("\n");
  return lines.map((line) => line.split("\t")).filter(([, messages]) => messages !== "0")
    .map(([name, messages]) => `queue ${name} has ${messages} messages`);
}

/** Bodies that a killed server has left are the affair of the maintenance, which is asked to do its work at once. */
async function inBodyStore({ folder, bodiesPath }: Stage): Promise<string[]> {
  const store = await FileBodyStore.open({ path: bodiesPath });
  const stored = new StoredRequestRepository(folder.database.handle);
  const aged = { keys: () => store.keys({ minimumAgeMs: 0 }), remove: (key: string) => store.remove(key) };
  await new OrphanedBodies(aged, stored).removeOrphans(AbortSignal.timeout(SETTLE_TIMEOUT_MS));
  const isProbe = (name: string) => name.startsWith(PROBE_KEY_PREFIX);
  const keys = (await Array.fromAsync(store.keys({ minimumAgeMs: 0 }))).filter((key) => !isProbe(key));
  const named = await stored.findBodyKeys(keys);
  const files = (await Array.fromAsync(Deno.readDir(bodiesPath))).filter(({ name }) =>
    name !== "body-store" && !isProbe(name)
  );
  return files.length === named.size ? [] : [`the body store has ${files.length} files for ${named.size} requests`];
}
