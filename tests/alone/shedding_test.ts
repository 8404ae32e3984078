import assert from "node:assert/strict";
import { answers, startCluster } from "../testkit/cluster.ts";
import { startConnector } from "../testkit/connector.ts";
import { Load, tellCounts } from "../testkit/load.ts";
import { polled } from "../testkit/polled.ts";
import { requireRabbitMq, TestBroker } from "../testkit/rabbitmq.ts";
import type { TestServer } from "../testkit/server.ts";
import type { TestTenant } from "../testkit/tenants.ts";

const rabbitmq = await requireRabbitMq();

/** A metric of connections, summed up over tenants. */
async function metricAt({ managementUrl }: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${managementUrl}/metrics`)).text();
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, "gm"));
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}

function connectionsAt(server: TestServer): Promise<number> {
  return metricAt(server, "relay_connections");
}

Deno.test({
  name: rabbitmq.label(
    "a server far above the mean sends connectors to the other one, until it is not, and loses nothing",
  ),
  ignore: rabbitmq.isSkipped,
  async fn() {
    await using broker = await TestBroker.start();
    await using cluster = await startCluster(broker, { keepAliveInterval: "2s" });
    const [crowded, empty] = cluster.servers as [TestServer, TestServer];
    await using connectors = new AsyncDisposableStack();
    const tenants: TestTenant[] = [];
    for (let index = 0; index < 30; index++) {
      const tenant = await crowded.database.createTenant();
      const relayServerBaseUri = [crowded.url, empty.url];
      const targets = { app: async (request: Request) => new Response(await request.text()), ping: { type: "ping" } };
      connectors.use(await startConnector(crowded, tenant, { relayServerBaseUri, targets }));
      tenants.push(tenant);
    }
    await answers(empty, tenants.at(-1)!, { path: "ping", status: 200 });
    await using load = new Load({
      send: (text) => crowded.relay(tenants[Number(text) % tenants.length]!, "app", { method: "POST", body: text }),
    });
    await polled(() => connectionsAt(empty), {
      until: (count) => count >= 5,
      what: "connections at the other server",
      timeoutMs: 60_000,
    });
    await load.untilAnswered(500);
    const counts = await load.stop();
    tellCounts("shedding of connectors", counts);
    assert.deepEqual(load.losses, []);
    assert.equal(counts.answered, counts.sent, JSON.stringify(counts));
    assert.deepEqual([await connectionsAt(crowded), await connectionsAt(empty)], [25, 5]);
    const shed = [
      await metricAt(crowded, "relay_connections_shed_total"),
      await metricAt(empty, "relay_connections_shed_total"),
    ];
    assert.deepEqual(shed, [5, 0]);
  },
});
