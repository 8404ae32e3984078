/**
 * A rolling restart of all servers of a cluster behind a load balancer.
 *
 * @module
 */

import assert from "node:assert/strict";
import { requireBalancer, startBalancer } from "./testkit/balancer.ts";
import { answers } from "./testkit/cluster.ts";
import { startConnector } from "./testkit/connector.ts";
import { Load, tellCounts } from "./testkit/load.ts";
import { DataFolder, type ServerProcess, startServerProcess } from "./testkit/programs.ts";
import { requireRabbitMq, TestBroker } from "./testkit/rabbitmq.ts";
import { closedPort } from "./testkit/target.ts";

const rabbitmq = await requireRabbitMq();
const proxy = await requireBalancer();

/** Half of the answers take their time, so that some are always under way. */
async function target(request: Request): Promise<Response> {
  const text = request.method === "POST" ? await request.text() : new URL(request.url).searchParams.get("text") ?? "";
  if (Number(text) % 2 === 0) return new Response(text);
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      for (const character of text) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        controller.enqueue(new TextEncoder().encode(character));
      }
      controller.close();
    },
  });
  return new Response(body);
}

Deno.test({
  name: proxy.label(rabbitmq.label("a rolling restart of all servers behind a load balancer loses no request")),
  ignore: rabbitmq.isSkipped || proxy.isSkipped,
  async fn() {
    await using broker = await TestBroker.start();
    await using folder = await DataFolder.create();
    const ports = [closedPort(), closedPort()] as const;
    const start = (index: 0 | 1) =>
      startServerProcess(folder, {
        port: ports[index],
        shutdownDelay: "1s",
        drainTimeout: "10s",
        trustedProxies: ["127.0.0.1"],
        transport: { type: "amqp", amqp: { urls: [broker.url], queueType: "classic" } },
      });
    const servers: ServerProcess[] = [await start(0), await start(1)];
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(async () => void await Promise.all(servers.map((server) => server.kill())));
    await using balancer = await startBalancer(proxy, ports);
    const tenant = await folder.database.createTenant();
    await using _connector = await startConnector(balancer, tenant, {
      connections: 2,
      targets: { app: target, ping: { type: "ping" } },
    });
    for (const server of servers) await answers(server, tenant, { path: "ping", status: 200 });
    const base = `${balancer.url}/relay/${tenant.name}/app`;
    await using load = new Load({
      clients: 8,
      send: (text) =>
        Number(text) % 3 === 0 ? fetch(`${base}?text=${text}`) : fetch(base, { method: "POST", body: text }),
    });
    await load.untilAnswered(100);
    for (const index of [0, 1] as const) {
      const { code } = await servers[index]!.process.stop({ timeoutMs: 20_000 });
      assert.equal(code, 0, servers[index]!.process.output);
      servers[index] = await start(index);
      await load.untilAnswered(300);
    }
    const counts = await load.stop();
    tellCounts("rolling restart of both servers behind Caddy", counts);
    assert.deepEqual(load.losses, [], balancer.output());
    assert.deepEqual({ ...counts, longestMs: 0 }, {
      sent: counts.sent,
      answered: counts.sent,
      refused: {},
      lost: 0,
      longestMs: 0,
    });
  },
});
