/**
 * What `deno task bench --check` insists on, as ratios within one run, because absolute figures belong to a machine.
 *
 * @module
 */

import { modeLoad, QUEUE_TYPES } from "./suites/acknowledge_modes.ts";
import { callLoad } from "./suites/broker_calls.ts";
import { DATABASE_LOADS, DATABASE_PEERS } from "./suites/database.ts";
import { defaultRelay, webSocketRelay } from "./peers/mod.ts";
import { ORIGINS } from "./peers/origins.ts";
import { CONFIRMED_RPC, RPC } from "./peers/rpc.ts";
import { type Measurements, median, type Series, type SeriesKey } from "./measurements.ts";

/** A bound on how one series compares with another, or on a series itself when there is no other. */
export type Ratio = {
  readonly name: string;
  readonly of: SeriesKey;
  readonly to?: SeriesKey;
} & ({ readonly atLeast: number } | { readonly atMost: number });

/** What became of a ratio. */
export interface Verdict {
  readonly ratio: Ratio;
  /** One for each round. */
  readonly values: readonly number[];
  readonly isMet: boolean;
}

const RELAY = defaultRelay.name;
const SSH = "nginx + ssh -R";
/** Memory that grows by less than this while hundreds of megabytes pass is flat: the windows of one connection may take 32 MiB. */
const FLAT_MIB = 32;

function requests(peer: string, clients: number, metric: string): SeriesKey {
  return { suite: "requests", peer, load: clients === 1 ? "1 client" : `${clients} clients`, metric };
}

function acknowledge(peer: string, load: string): SeriesKey {
  return { suite: "acknowledge", peer, load, metric: "requests/s" };
}

function cluster(peer: string, load: string, metric: string): SeriesKey {
  return { suite: "cluster", peer, load, metric };
}

function compare(suite: string, load: string, metric: string): { of: SeriesKey; to: SeriesKey } {
  return { of: { suite, peer: RELAY, load, metric }, to: { suite, peer: SSH, load, metric } };
}

/** All bounds. */
export const RATIOS: readonly Ratio[] = [
  {
    name: "requests/s, 32 clients, to Deno fetch proxy",
    of: requests(RELAY, 32, "requests/s"),
    to: requests("Deno fetch proxy", 32, "requests/s"),
    atLeast: 0.8,
  },
  { name: "requests/s, 32 clients, to ssh -R", ...compare("requests", "32 clients", "requests/s"), atLeast: 2.8 },
  {
    name: "p50, 1 client, to nginx",
    of: requests(RELAY, 1, "p50 µs"),
    to: requests("nginx", 1, "p50 µs"),
    atMost: 2.4,
  },
  { name: "p99, 1 client, to ssh -R", ...compare("requests", "1 client", "p99 µs"), atMost: 1 },
  { name: "p99, 32 clients, to ssh -R", ...compare("requests", "32 clients", "p99 µs"), atMost: 1 },
  // Bodies of known length go by HTTP unless they must not.
  { name: "100 MB down, to ssh -R", ...compare("transfers", "100 MB down", "MB/s"), atLeast: 1.2 },
  { name: "100 MB up, to ssh -R", ...compare("transfers", "100 MB up", "MB/s"), atLeast: 0.65 },
  ...[{ load: "100 MB down", atLeast: 0.7 }, { load: "100 MB up", atLeast: 0.65 }].map(({ load, atLeast }) => ({
    name: `${load} over the WebSocket, to ssh -R`,
    of: { suite: "transfers", peer: webSocketRelay.name, load, metric: "MB/s" },
    to: { suite: "transfers", peer: SSH, load, metric: "MB/s" },
    atLeast,
  })),
  ...["20 Mbit/s, 20 MB down", "20 Mbit/s, 20 MB up", "1 Gbit/s, 100 MB down", "1 Gbit/s, 100 MB up"].map((load) => ({
    name: `${load}, to ssh -R`,
    ...compare("links", load, "MB/s"),
    atLeast: 0.8,
  })),
  ...["20 Mbit/s, 32 clients", "1 Gbit/s, 32 clients"].map((load) => ({
    name: `requests/s, ${load}, to ssh -R`,
    ...compare("links", load, "requests/s"),
    atLeast: 0.8,
  })),
  {
    name: "KiB of an idle connection",
    of: { suite: "idle", peer: RELAY, load: "10000 connections", metric: "KiB/connection" },
    atMost: 25,
  },
  {
    name: "requests/s with request log and policy, to neither",
    of: { suite: "operation", peer: RELAY, load: "request log and policy on", metric: "requests/s" },
    to: { suite: "operation", peer: RELAY, load: "request log and policy off", metric: "requests/s" },
    atLeast: 0.9,
  },
  ...["1 client", "32 clients"].map((clients) => ({
    name: `requests/s with connectorReceived, ${clients}, to disabled`,
    of: acknowledge(RELAY, `connectorReceived, ${clients}`),
    to: acknowledge(RELAY, `disabled, ${clients}`),
    atLeast: 0.95,
  })),
  {
    name: "queued requests delivered a second",
    of: { suite: "acknowledge", peer: RELAY, load: "10000 queued requests", metric: "delivered/s" },
    atLeast: 1_000,
  },
  ...QUEUE_TYPES.flatMap((queueType) => [
    ...[1, 32].map((clients) => ({
      name: `requests/s with ${modeLoad(clients, "connectorFinished", queueType)}, to a bare confirmed RPC`,
      of: acknowledge(RELAY, modeLoad(clients, "connectorFinished", queueType)),
      to: acknowledge(CONFIRMED_RPC, modeLoad(clients, undefined, queueType)),
      atLeast: 0.5,
    })),
    ...[1, 32].map((inFlight) => callLoad(inFlight, `amqp ${queueType}`)).map((load) => ({
      name: `requests/s from origin to origin with connectorFinished, ${load}, to a bare confirmed RPC`,
      of: acknowledge(ORIGINS, load),
      to: acknowledge(CONFIRMED_RPC, load),
      atLeast: 0.5,
    })),
  ]),
  ...["1 client", "32 clients"].map((load) => ({
    name: `requests/s through RabbitMQ, ${load}, to a bare RPC`,
    of: cluster(RELAY, load, "requests/s"),
    to: cluster(RPC, load, "requests/s"),
    atLeast: 0.6,
  })),
  ...[1, 32].map((inFlight) => callLoad(inFlight)).map((load) => ({
    name: `requests/s from origin to origin through RabbitMQ, ${load}, to a bare RPC`,
    of: cluster(ORIGINS, load, "requests/s"),
    to: cluster(RPC, load, "requests/s"),
    atLeast: 0.6,
  })),
  ...["100 MB down", "100 MB up"].flatMap((load) => [
    { name: `MB/s across two servers, ${load}`, of: cluster(RELAY, load, "MB/s"), atLeast: 100 },
    { name: `growth of memory in MiB, ${load}`, of: cluster(RELAY, load, "growth MiB"), atMost: FLAT_MIB },
  ]),
  {
    name: "requests/s of two servers behind a balancer, to one",
    of: cluster(RELAY, "two servers behind a balancer", "requests/s"),
    to: cluster(RELAY, "one server behind a balancer", "requests/s"),
    atLeast: 0.9,
  },
  {
    name: "queues consumed by one server",
    of: cluster(RELAY, "5000 tenants online", "queues consumed"),
    atLeast: 5_000,
  },
  {
    name: "requests/s with 1,000 tenants online, to one",
    of: { suite: "tenants", peer: RELAY, load: "1000 tenants online", metric: "requests/s" },
    to: { suite: "tenants", peer: RELAY, load: "1 tenant online", metric: "requests/s" },
    atLeast: 0.95,
  },
  {
    name: "seconds until 1,000 connectors are connected",
    of: { suite: "connect", peer: RELAY, load: "1000 connectors", metric: "seconds until connected" },
    atMost: 10,
  },
  ...DATABASE_PEERS.flatMap((peer) =>
    DATABASE_LOADS.map((load) => ({
      name: `ms, ${peer}, ${load}`,
      of: { suite: "database", peer, load, metric: "ms" },
      atMost: 50,
    }))
  ),
];

/**
 * Applies the bounds of the suites that ran. Each round is compared with itself, since the machine is not the same from one to the next.
 *
 * @param suites Names of the suites that ran.
 */
export function judge(
  measurements: Measurements,
  suites: readonly string[],
  ratios: readonly Ratio[] = RATIOS,
): readonly Verdict[] {
  return ratios.filter(({ of }) => suites.includes(of.suite)).map((ratio) => {
    const values = divide(measurements.find(ratio.of), ratio.to === undefined ? 1 : measurements.find(ratio.to));
    const middle = median(values);
    return { ratio, values, isMet: "atLeast" in ratio ? middle >= ratio.atLeast : middle <= ratio.atMost };
  });
}

function divide(of: Series | undefined, by: Series | undefined | 1): readonly number[] {
  if (of === undefined || by === undefined) return [];
  if (by === 1) return of.values;
  return of.values.slice(0, by.values.length).map((value, round) => value / (by.values[round] ?? NaN));
}
