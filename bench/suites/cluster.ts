/**
 * Several servers and the broker between them.
 *
 * @module
 */

import { type Broker, startBroker } from "../broker.ts";
import { defaultRelay } from "../peers/mod.ts";
import { measureBalanced } from "./cluster_balanced.ts";
import { measureOrigins } from "./cluster_origins.ts";
import { measureRequests } from "./cluster_requests.ts";
import { measureTenants } from "./cluster_tenants.ts";
import { measureTransfers } from "./cluster_transfers.ts";
import type { Bench, Suite } from "./suite.ts";

const PARTS: Readonly<Record<string, (bench: Bench, broker: Broker) => Promise<void>>> = {
  "requests from origin to origin": measureOrigins,
  "requests through the broker": measureRequests,
  "transfers across two servers": measureTransfers,
  "two servers behind a balancer": measureBalanced,
  "tenants' queues": measureTenants,
};

/** Requests and transfers across two servers, two servers behind a balancer, and the queues of many tenants; each beside a fresh broker. */
export const cluster: Suite = {
  name: "cluster",
  async run(bench) {
    for (const [name, measure] of Object.entries(PARTS)) {
      bench.progress(`cluster: ${name}`);
      try {
        await using broker = await startBroker(bench.folder);
        await measure(bench, broker);
      } catch (error) {
        const reason = `${name}: ${error instanceof Error ? error.message : error}`;
        bench.measurements.missing.push({ suite: this.name, peer: defaultRelay.name, reason });
      }
    }
  },
};
