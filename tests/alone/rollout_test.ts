/**
 * A rolling restart of all servers of a cluster behind a load balancer.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Balancer, requireBalancer, startBalancer } from "../testkit/balancer.ts";
import { answers } from "../testkit/cluster.ts";
import { startConnector } from "../testkit/connector.ts";
import { Load, tellCounts } from "../testkit/load.ts";
import { ChildProcess, PROJECT_ROOT } from "../testkit/process.ts";
import { DataFolder, type ServerProcess, startServerProcess } from "../testkit/programs.ts";
import { requireRabbitMq, TestBroker } from "../testkit/rabbitmq.ts";
import { requireCommands } from "../testkit/requirement.ts";
import { closedPort } from "../testkit/target.ts";

const rabbitmq = await requireRabbitMq();
const proxy = await requireBalancer();
const wrk = await requireCommands(["wrk"], { requirement: "wrk" });

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

/** Two servers behind the balancer, and a connector with a connection for each. */
class Scene implements AsyncDisposable {
  /** Of the target `app`, through the balancer. */
  readonly url: string;
  readonly balancer: Balancer;
  readonly #servers: ServerProcess[];
  readonly #start: (index: 0 | 1) => Promise<ServerProcess>;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    url: string,
    parts: {
      readonly balancer: Balancer;
      readonly servers: ServerProcess[];
      readonly start: (index: 0 | 1) => Promise<ServerProcess>;
      readonly resources: AsyncDisposableStack;
    },
  ) {
    this.url = url;
    this.balancer = parts.balancer;
    this.#servers = parts.servers;
    this.#start = parts.start;
    this.#resources = parts.resources;
  }

  static async start(): Promise<Scene> {
    await using resources = new AsyncDisposableStack();
    const broker = resources.use(await TestBroker.start());
    const folder = resources.use(await DataFolder.create());
    const ports = [closedPort(), closedPort()] as const;
    const start = (index: 0 | 1) =>
      startServerProcess(folder, {
        port: ports[index],
        shutdownDelay: "1s",
        drainTimeout: "10s",
        trustedProxies: ["127.0.0.1"],
        transport: { type: "amqp", amqp: { urls: [broker.url], queueType: "classic" } },
      });
    const servers: ServerProcess[] = [];
    resources.defer(async () => void await Promise.all(servers.map((server) => server.kill())));
    servers.push(await start(0), await start(1));
    const balancer = resources.use(await startBalancer(proxy, ports));
    const tenant = await folder.database.createTenant();
    resources.use(
      await startConnector(balancer, tenant, { connections: 2, targets: { app: target, ping: { type: "ping" } } }),
    );
    for (const server of servers) await answers(server, tenant, { path: "ping", status: 200 });
    const url = `${balancer.url}/relay/${tenant.name}/app`;
    return new Scene(url, { balancer, servers, start, resources: resources.move() });
  }

  /** Restarts one server after the other. @param proceed Called after each, before the next one. */
  async roll(proceed: () => Promise<void>): Promise<void> {
    for (const index of [0, 1] as const) {
      const { process } = this.#servers[index]!;
      const { code } = await process.stop({ timeoutMs: 20_000 });
      assert.equal(code, 0, process.output);
      const server = this.#servers[index] = await this.#start(index);
      await this.balancer.untilUp(server.port);
      await proceed();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

Deno.test({
  name: proxy.label(rabbitmq.label("a rolling restart of all servers behind a load balancer loses no request")),
  ignore: rabbitmq.isSkipped || proxy.isSkipped,
  async fn() {
    await using scene = await Scene.start();
    const { url } = scene;
    await using load = new Load({
      clients: 8,
      send: (text) =>
        Number(text) % 3 === 0 ? fetch(`${url}?text=${text}`) : fetch(url, { method: "POST", body: text }),
    });
    await load.untilAnswered(100);
    await scene.roll(() => load.untilAnswered(300));
    const counts = await load.stop();
    tellCounts("rolling restart of both servers behind Caddy", counts);
    assert.deepEqual(load.losses, [], scene.balancer.output());
    assert.deepEqual({ ...counts, longestMs: 0 }, {
      sent: counts.sent,
      answered: counts.sent,
      refused: {},
      lost: 0,
      longestMs: 0,
    });
  },
});

Deno.test({
  name: wrk.label(proxy.label(rabbitmq.label("a rolling restart under wrk has 0 failed requests"))),
  ignore: rabbitmq.isSkipped || proxy.isSkipped || wrk.isSkipped,
  async fn() {
    await using scene = await Scene.start();
    const script = join(PROJECT_ROOT, "bench", "load", "wrk.lua");
    const args = ["-t1", "-c8", "-d120s", "--timeout", "20s", "-s", script, `${scene.url}?text=22`];
    const command = new Deno.Command(wrk.path("wrk"), { args, stdin: "null", stdout: "piped", stderr: "piped" });
    await using process = new ChildProcess(command.spawn());
    await scene.roll(async () => {});
    assert.equal(process.stdout, "", "wrk ended before the restarts");
    // It tells what it has counted so far.
    await process.stop({ signal: "SIGINT" });
    const [, json = ""] = await process.waitForLine(/^RESULT (.*)$/);
    const { requests, errors } = JSON.parse(json);
    const counts = { sent: requests, answered: requests - errors, refused: {}, lost: errors, longestMs: 0 };
    tellCounts("rolling restart of both servers behind Caddy, under wrk", counts);
    assert.ok(requests > 0);
    assert.equal(errors, 0, scene.balancer.output());
  },
});
