import assert from "node:assert/strict";
import { Hub } from "../docs/examples/hub_transport.ts";
import { testServerTransport } from "../server/transport/transport_contract.ts";
import { answers } from "./testkit/cluster.ts";
import { startConnector } from "./testkit/connector.ts";
import { startServer } from "./testkit/server.ts";

testServerTransport("the documented example of a transport", (context) => new Hub().connect(context));

Deno.test("two servers relay by a transport of somebody else's", async () => {
  const dataDirectory = await Deno.makeTempDir({ prefix: "relayserver-" });
  try {
    const hub = new Hub();
    const options = { serverTransport: hub.connect.bind(hub) };
    await using one = await startServer({ dataDirectory }, options);
    await using other = await startServer({ dataDirectory }, options);
    const tenant = await one.database.createTenant({ maximumConcurrentConnectorRequests: 2 });
    await using _connector = await startConnector(other, tenant, {
      targets: { app: (request: Request) => new Response(request.body), ping: { type: "ping" } },
    });
    await answers(one, tenant, { path: "ping", status: 200 });
    const texts = await Promise.all(Array.from({ length: 20 }, async (_, index) => {
      const response = await one.relay(tenant, "app", { method: "POST", body: `${index}`.repeat(100_000) });
      return (await response.text()).slice(0, String(index).length);
    }));
    assert.deepEqual(texts, Array.from({ length: 20 }, (_, index) => String(index)));
  } finally {
    await Deno.remove(dataDirectory, { recursive: true });
  }
});
