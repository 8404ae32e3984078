/**
 * A rolling restart of all servers of a cluster behind a load balancer.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { answers } from "./testkit/cluster.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { Load, tellCounts } from "./testkit/load.ts";
import { ChildProcess, PROJECT_ROOT } from "./testkit/process.ts";
import { DataFolder, type ServerProcess, startServerProcess } from "./testkit/programs.ts";
import { requireRabbitMq, TestBroker } from "./testkit/rabbitmq.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { closedPort } from "./testkit/target.ts";
import { connectTcp } from "./testkit/tcp.ts";

const rabbitmq = await requireRabbitMq();
const proxy = await requireCommands(["caddy"], { requirement: "proxy" });

/** Starts Caddy with the documented configuration, with quicker checks. */
async function startBalancer(
  ports: readonly [number, number],
): Promise<{ readonly url: string; output(): string } & AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "relayserver-balancer-" });
  resources.defer(() => Deno.remove(folder, { recursive: true }));
  const port = closedPort();
  let text = await Deno.readTextFile(join(PROJECT_ROOT, "docs", "examples", "Caddyfile.cluster"));
  const changes = [
    [":8000 {", `{\n\tadmin off\n}\nhttp://127.0.0.1:${port} {`],
    ["server-1:8080", `127.0.0.1:${ports[0]}`],
    ["server-2:8080", `127.0.0.1:${ports[1]}`],
    ["health_interval 2s", "health_interval 200ms"],
  ] as const;
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `The documented configuration has no "${from}"`);
    text = text.replace(from, to);
  }
  await Deno.writeTextFile(join(folder, "Caddyfile"), text);
  const child = new Deno.Command(proxy.path("caddy"), {
    args: ["run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")],
    cwd: folder,
    env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const process = resources.use(new ChildProcess(child));
  const listens = async () => {
    while (true) {
      try {
        return (await connectTcp(port)).close();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  await within(listens(), { timeoutMs: 15_000, what: "the balancer" });
  const kept = resources.move();
  return {
    url: `http://127.0.0.1:${port}`,
    output: () => process.output,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

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
    await using balancer = await startBalancer(ports);
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
