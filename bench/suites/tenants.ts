/**
 * A thousand tenants online: what they cost the one that is busy.
 *
 * @module
 */

import { fetchToken } from "../../tests/testkit/http.ts";
import { holdConnections } from "../load/connection_program.ts";
import { wrk } from "../load/wrk.ts";
import {
  defaultRelay,
  LISTENERS,
  type RelayServerProgram,
  startRelayConnector,
  startRelayServer,
} from "../peers/mod.ts";
import type { Program } from "../processes.ts";
import { type Bench, type Suite, WARM_UP_SECONDS, withUsage } from "./suite.ts";

const TENANTS = 1_000;
const PAIRS = 4;
const CLIENTS = 32;

/**
 * Two servers side by side, one with one tenant online and one with a thousand. Both have one tenant with a connector of its own, which is
 * measured in turn; the other tenants' connections answer from one program.
 */
export const tenants: Suite = {
  name: "tenants",
  async run(bench) {
    const rounds = bench.isQuick ? 1 : 3;
    for (let round = 0; round < rounds; round++) {
      bench.progress(`tenants ${round + 1}/${rounds}`);
      try {
        await measure(bench);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        bench.measurements.missing.push({ suite: "tenants", peer: defaultRelay.name, reason });
        return;
      }
    }
  },
};

interface Site {
  readonly server: RelayServerProgram;
  readonly connector: Program;
}

async function measure(bench: Bench): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const [one, many] = [await startSite(bench, resources), await startSite(bench, resources)];
  resources.use(await startOthers(bench, many.server));
  const load = async (site: Site, name: string, path: string, paths?: number) => {
    const url = `http://127.0.0.1:${site.server.port}/relay/${path}/web/small`;
    const seconds = bench.isQuick ? 1 : 2;
    const options = { clients: CLIENTS, seconds, ...(paths === undefined ? {} : { paths }) };
    const programs = { server: site.server.program };
    const { result, usage } = await withUsage({ programs }, () => wrk(url, options));
    const add = (metric: string, value: number) =>
      bench.measurements.add({ suite: "tenants", peer: defaultRelay.name, load: name, metric }, value);
    add("requests/s", result.requestsPerSecond);
    for (const [program, { cpuMs }] of usage) add(`CPU µs/request: ${program}`, cpuMs * 1000 / result.requests);
  };
  for (const { server } of [one, many]) {
    await wrk(`http://127.0.0.1:${server.port}/relay/bench/web/small`, { clients: CLIENTS, seconds: WARM_UP_SECONDS });
  }
  for (let pair = 0; pair < PAIRS; pair++) {
    const turns = [
      () => load(one, "1 tenant online", "bench"),
      () => load(many, "1000 tenants online", "bench"),
    ];
    for (const turn of pair % 2 === 0 ? turns : turns.toReversed()) await turn();
  }
  await load(many, "all of 1000 tenants in turn, answered by one program", "tenant-%d", TENANTS - 1);
}

async function startSite(bench: Bench, resources: AsyncDisposableStack): Promise<Site> {
  const server = resources.use(await startRelayServer(bench.folder, { listener: LISTENERS[0] }));
  const tenant = await server.database.createTenant({ name: "bench" });
  const ports = { serverPort: server.port, targetPort: bench.targets.filePort };
  const connector = resources.use(await startRelayConnector(bench.folder, tenant, ports));
  return { server, connector };
}

async function startOthers(bench: Bench, server: RelayServerProgram): Promise<Program> {
  const url = `http://127.0.0.1:${server.port}`;
  const tokens: string[] = [];
  for (let index = 1; index < TENANTS; index++) {
    const tenant = await server.database.createTenant({ name: `tenant-${index}` });
    tokens.push(await fetchToken(url, { clientId: tenant.name, clientSecret: tenant.connectorSecret }));
  }
  return await holdConnections(url, { tokens, count: tokens.length, folder: bench.folder });
}
