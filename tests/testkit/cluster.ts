/**
 * Several servers that share a database and a broker, in the test's own process.
 *
 * @module
 */

import { polled } from "./polled.ts";
import type { TestBroker } from "./rabbitmq.ts";
import { type ServerOverrides, startServer, type TestServer } from "./server.ts";
import type { TestTenant } from "./tenants.ts";

/** Servers of one cluster. Hold it with `await using`. */
export interface TestCluster extends AsyncDisposable {
  readonly servers: readonly TestServer[];
}

/** Starts a cluster of so many servers. */
export async function startCluster(
  broker: Pick<TestBroker, "url">,
  { count = 2, ...overrides }: ServerOverrides & { readonly count?: number } = {},
): Promise<TestCluster> {
  await using resources = new AsyncDisposableStack();
  const dataDirectory = await Deno.makeTempDir({ prefix: "relayserver-" });
  resources.defer(() => Deno.remove(dataDirectory, { recursive: true }));
  const transport = { type: "amqp", amqp: { urls: [broker.url], queueType: "classic" } } as const;
  const servers: TestServer[] = [];
  for (let index = 0; index < count; index++) {
    servers.push(resources.use(await startServer({ dataDirectory, transport, ...overrides })));
  }
  const kept = resources.move();
  return { servers, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/**
 * Waits until a server answers requests for a tenant with this status: it has heard of connectors elsewhere, or that there are none any more.
 *
 * @param path A target that answers at once.
 */
export async function answers(
  server: Pick<TestServer, "relay">,
  tenant: TestTenant,
  { path, status }: { readonly path: string; readonly status: number },
): Promise<void> {
  const read = async (signal: AbortSignal) => {
    const response = await server.relay(tenant, path, { signal });
    await response.body?.cancel();
    return response.status;
  };
  await polled(read, { until: (answered) => answered === status, what: `${path} to be answered with ${status}` });
}

/** Waits until a server knows so many peers, and has nothing under way unless there is traffic. */
export async function quiet(
  server: Pick<TestServer, "managementUrl">,
  { peers }: { readonly peers: number },
  { ignoresTraffic = false } = {},
): Promise<void> {
  const expected = {
    ...(ignoresTraffic ? {} : {
      relay_requests_in_flight: 0,
      relay_requests_waiting: 0,
      relay_transport_requests_served: 0,
    }),
    relay_transport_peers: peers,
  };
  const read = async () => {
    const text = await (await fetch(`${server.managementUrl}/metrics`)).text();
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
    const values = Object.fromEntries(Object.keys(expected).map((name) => [name, value(name)]));
    return { values, links: value("relay_transport_links") };
  };
  await polled(read, {
    until: ({ values, links }) => links <= 2 * peers && JSON.stringify(values) === JSON.stringify(expected),
    what: `a quiet server with ${peers} peers`,
  });
}
