/**
 * What an operator turns on: the request log and an access policy, beside neither.
 *
 * @module
 */

import type { AccessPolicy } from "../../server/policy/mod.ts";
import { wrk } from "../load/wrk.ts";
import {
  defaultRelay,
  LISTENERS,
  type RelayServerProgram,
  startRelayConnector,
  startRelayServer,
} from "../peers/mod.ts";
import { type Bench, type Suite, WARM_UP_SECONDS, withUsage } from "./suite.ts";

const CLIENTS = 32;
const PAIRS = 6;

/** Something of everything that is looked at for every request. */
const POLICY: AccessPolicy = {
  default: "deny",
  rules: [
    { name: "no admin pages", effect: "deny", pathPrefixes: ["/admin", "/internal"] },
    {
      name: "readers",
      effect: "allow",
      addresses: ["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"],
      targets: ["web"],
      methods: ["GET", "HEAD"],
      pathPrefixes: ["/small", "/api"],
      maxBodySize: "1MiB",
    },
  ],
  rateLimits: [{ requestsPerSecond: 1_000_000, per: "tenant" }, { requestsPerSecond: 1_000_000, per: "address" }],
};

/** Two servers side by side, measured in turn. */
export const operation: Suite = {
  name: "operation",
  async run(bench) {
    const rounds = bench.isQuick ? 1 : 3;
    for (let round = 0; round < rounds; round++) {
      bench.progress(`operation ${round + 1}/${rounds}`);
      try {
        await measure(bench);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        bench.measurements.missing.push({ suite: this.name, peer: defaultRelay.name, reason });
        return;
      }
    }
  },
};

interface Site {
  readonly load: string;
  readonly server: RelayServerProgram;
}

async function measure(bench: Bench): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const sites = [
    await startSite(bench, resources, { load: "request log and policy off", requestLogger: [], accessPolicy: null }),
    await startSite(bench, resources, { load: "request log and policy on", accessPolicy: POLICY }),
  ];
  for (const { server } of sites) await wrk(urlOf(server), { clients: CLIENTS, seconds: WARM_UP_SECONDS });
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const { load, server } of pair % 2 === 0 ? sites : sites.toReversed()) {
      const seconds = bench.isQuick ? 1 : 2;
      const programs = { server: server.program };
      const { result, usage } = await withUsage({ programs }, () => wrk(urlOf(server), { clients: CLIENTS, seconds }));
      const add = (metric: string, value: number) =>
        bench.measurements.add({ suite: "operation", peer: defaultRelay.name, load, metric }, value);
      add("requests/s", result.requestsPerSecond);
      for (const [program, { cpuMs }] of usage) add(`CPU µs/request: ${program}`, cpuMs * 1000 / result.requests);
    }
  }
}

async function startSite(
  bench: Bench,
  resources: AsyncDisposableStack,
  { load, requestLogger, accessPolicy }: {
    readonly load: string;
    /** Outcomes that are logged; the default unless given. */
    readonly requestLogger?: readonly string[];
    readonly accessPolicy: AccessPolicy | null;
  },
): Promise<Site> {
  const config = requestLogger === undefined ? {} : { requestLogger };
  const server = resources.use(await startRelayServer(bench.folder, { listener: LISTENERS[0], ...config }));
  const tenant = await server.database.createTenant({ name: "bench", accessPolicy });
  const ports = { serverPort: server.port, targetPort: bench.targets.filePort };
  resources.use(await startRelayConnector(bench.folder, tenant, ports));
  return { load, server };
}

function urlOf({ port }: RelayServerProgram): string {
  return `http://127.0.0.1:${port}/relay/bench/web/small`;
}
