/**
 * What a campaign has left behind: in the database, in the body store, at the broker, and in the servers' memory.
 *
 * @module
 */

import { FileBodyStore, PROBE_KEY_PREFIX } from "../../server/body_store/mod.ts";
import { OrphanedBodies } from "../../server/maintenance/orphaned_bodies.ts";
import { StoredRequestRepository } from "../../server/persistence/mod.ts";
import { pause } from "./chaos_target.ts";
import type { Stage } from "./stage.ts";

const QUIET_TIMEOUT_MS = 90_000;
/** When nothing is stored any more, what follows from that is soon over, in milliseconds. */
const SETTLE_TIMEOUT_MS = 15_000;
const POLL_MS = 100;

/** Must be zero in a server that has nothing to do. */
const GAUGES =
  /^(relay_requests_in_flight|relay_requests_waiting|relay_connection_requests_in_flight|relay_stored_requests)(?:\{[^}]*\})? (.+)$/gm;

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
    const text = await (await fetch(`${managementUrl}/metrics`)).text();
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
