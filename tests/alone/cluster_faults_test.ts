/**
 * What breaks around a cluster, and what becomes of the requests meanwhile. Every test prints a line: sent, answered, refused, lost, longest wait.
 *
 * @module
 */

import assert from "node:assert/strict";
import { answers, quiet, startCluster, type TestCluster } from "../testkit/cluster.ts";
import { startConnector } from "../testkit/connector.ts";
import { within } from "../testkit/deadline.ts";
import { checkCounts, Load, type LoadCounts } from "../testkit/load.ts";
import { findPostgres } from "../testkit/postgres.ts";
import { requireRabbitMq, shareBroker, TestBroker } from "../testkit/rabbitmq.ts";
import { type ServerOverrides, startServer, type TestServer } from "../testkit/server.ts";
import { TcpRelay } from "../testkit/tcp_relay.ts";
import type { TestTenant } from "../testkit/tenants.ts";

/** Long enough to notice an endless wait, short enough to wait for. */
const EXPIRATION_MS = 6_000;
const KEEP_ALIVE_MS = 1_500;
/** What a busy machine may add to a time limit. */
const TOLERANCE_MS = 4_000;
const CONFIG: ServerOverrides = {
  requestExpiration: `${EXPIRATION_MS}ms`,
  keepAliveInterval: `${KEEP_ALIVE_MS}ms`,
  connectionGrace: "1s",
};

const rabbitmq = await requireRabbitMq();
const broker = await shareBroker(rabbitmq);

/** Registers a test that needs the broker, and leaves it running. */
function testFault(name: string, run: (broker: TestBroker) => Promise<void>): void {
  Deno.test({ name: rabbitmq.label(name), ignore: rabbitmq.isSkipped, fn: () => run(broker!) });
}

const echo = (request: Request) => new Response(request.body ?? "");

/** Two servers; a site at the first, another one at the second. Clients ask the first. */
interface Scene extends AsyncDisposable {
  readonly servers: readonly [TestServer, TestServer];
  readonly here: TestTenant;
  readonly there: TestTenant;
}

async function startScene(cluster: TestCluster): Promise<Scene> {
  await using resources = new AsyncDisposableStack();
  resources.use(cluster);
  const servers = cluster.servers as [TestServer, TestServer];
  const [here, there] = [await servers[0].database.createTenant(), await servers[0].database.createTenant()];
  const targets = { app: echo, ping: { type: "ping" } };
  resources.use(await startConnector(servers[0], here, { targets }));
  resources.use(await startConnector(servers[1], there, { targets }));
  await answers(servers[0], there, { path: "ping", status: 200 });
  await answers(servers[1], here, { path: "ping", status: 200 });
  const kept = resources.move();
  return { servers, here, there, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Clients of one server that ask for one tenant. */
function startLoad(server: TestServer, tenant: TestTenant): Load {
  return new Load({ send: (text) => server.relay(tenant, "app", { method: "POST", body: text }) });
}

/** Nothing is left over at either server: no request, and one link in each direction at most. */
async function allQuiet({ servers }: Scene): Promise<void> {
  for (const server of servers) await quiet(server, { peers: 1 });
}

function check(fault: string, counts: LoadCounts, expected: { readonly refused?: RegExp } = {}): void {
  checkCounts(fault, counts, { ...expected, longestMs: EXPIRATION_MS + TOLERANCE_MS });
}

const AWAY = /^(503 transport_unavailable|503 connector_unavailable|502 connector_lost|504 request_expired)$/;

/** Breaks something under load, mends it, and checks that requests within one server never noticed and the others came back. */
async function survive(
  scene: Scene,
  { fault, break: breakIt, mend, isBroken = ({ refused }) => "503 transport_unavailable" in refused }: {
    readonly fault: string;
    readonly break: () => Promise<void> | void;
    readonly mend: () => Promise<void> | void;
    readonly isBroken?: (counts: LoadCounts) => boolean;
  },
): Promise<void> {
  await using local = startLoad(scene.servers[0], scene.here);
  await using remote = startLoad(scene.servers[0], scene.there);
  await remote.untilAnswered(20);
  await breakIt();
  const limit = { timeoutMs: 40_000, what: `${fault}: the fault`, detail: () => JSON.stringify(remote.counts) };
  await within(remote.until(isBroken), limit);
  await within(local.untilAnswered(50), { timeoutMs: 20_000, what: `${fault}: local answers` });
  await mend();
  await within(remote.untilAnswered(50), {
    timeoutMs: 40_000,
    what: `${fault}: the way back`,
    detail: () => JSON.stringify(remote.counts),
  });
  check(`${fault}, to a connector at the same server`, await local.stop());
  check(`${fault}, to a connector at another server`, await remote.stop(), { refused: AWAY });
  await allQuiet(scene);
}

testFault("a broker that is stopped and started", async (broker) => {
  await using scene = await startScene(await startCluster(broker, CONFIG));
  await survive(scene, {
    fault: "broker stopped and started",
    break: () => broker.stop(),
    mend: () => broker.start(),
  });
});

testFault("a broker that is killed and started", async (broker) => {
  await using scene = await startScene(await startCluster(broker, CONFIG));
  await survive(scene, { fault: "broker killed", break: () => broker.kill(), mend: () => broker.start() });
});

testFault("a broker that stands still", async (broker) => {
  await using scene = await startScene(await startCluster(broker, CONFIG));
  await survive(scene, { fault: "broker paused", break: () => broker.pause(), mend: () => broker.resume() });
});

testFault("a broker with a memory alarm", async (broker) => {
  await using scene = await startScene(await startCluster(broker, CONFIG));
  await survive(scene, {
    fault: "broker alarmed",
    break: async () => void await broker.ctl("set_vm_memory_high_watermark", "0"),
    mend: async () => void await broker.ctl("set_vm_memory_high_watermark", "0.4"),
  });
});

testFault("a broker that comes back without anything", async (broker) => {
  await using scene = await startScene(await startCluster(broker, CONFIG));
  await survive(scene, {
    fault: "broker restarted empty",
    break: async () => {
      await broker.stop();
      await broker.empty();
    },
    mend: () => broker.start(),
  });
});

/** A cluster whose first server reaches the broker by a piece of network of its own. */
async function startCutOffCluster(broker: TestBroker): Promise<TestCluster & { readonly network: TcpRelay }> {
  await using resources = new AsyncDisposableStack();
  const dataDirectory = await Deno.makeTempDir({ prefix: "relayserver-" });
  resources.defer(() => Deno.remove(dataDirectory, { recursive: true }));
  const network = resources.use(await TcpRelay.start({ hostname: "127.0.0.1", port: broker.port }));
  const url = broker.url.replace(`:${broker.port}`, `:${network.port}`);
  const servers: TestServer[] = [];
  for (const brokerUrl of [url, broker.url]) {
    const transport = { type: "amqp", amqp: { urls: [brokerUrl], queueType: "classic" } } as const;
    servers.push(resources.use(await startServer({ ...CONFIG, dataDirectory, transport })));
  }
  const kept = resources.move();
  return { servers, network, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

for (const how of ["cut", "silent"] as const) {
  testFault(
    `a server that is ${how === "cut" ? "cut off from the broker" : "behind a network gone silent"}`,
    async (broker) => {
      const cluster = await startCutOffCluster(broker);
      await using scene = await startScene(cluster);
      const [, other] = scene.servers;
      // What the other server has at home goes on as well, and it forgets the lost one in two keep-alive intervals.
      await using there = startLoad(other, scene.there);
      let brokenAtMs = 0;
      let forgottenMs = 0;
      await survive(scene, {
        fault: how === "cut" ? "one server cut off from the broker" : "one server's network silent",
        async break() {
          brokenAtMs = performance.now();
          if (how === "cut") await cluster.network.cut();
          else cluster.network.pause();
          await quiet(other, { peers: 0 }, { ignoresTraffic: true });
          forgottenMs = performance.now() - brokenAtMs;
        },
        mend: async () => how === "cut" ? await cluster.network.restore() : cluster.network.resume(),
      });
      check("the same, clients of the other server", await there.stop());
      assert.ok(forgottenMs < 2 * KEEP_ALIVE_MS + TOLERANCE_MS / 2, `forgotten after ${forgottenMs} ms`);
    },
  );
}

testFault("a broker that takes small messages only", async () => {
  await using broker = await TestBroker.start({ maxMessageBytes: 128 * 1024 });
  const limits = { connectorMessage: "4MiB" };
  await using scene = await startScene(await startCluster(broker, { ...CONFIG, inlineBodyLimit: "1MiB", limits }));
  const [server] = scene.servers;
  const body = "x".repeat(900_000);
  const echoed = await server.relay(scene.there, "app", { method: "POST", body });
  assert.equal(await echoed.text(), body);
  // In a frame every quotation mark takes two bytes.
  const headers = { "x-large": '"'.repeat(55_000) };
  const ask = async () => {
    const response = await server.relay(scene.there, "app", { method: "POST", body: "x".repeat(40_000), headers });
    await response.body?.cancel();
    return `${response.status} ${response.headers.get("relayserver-error")}`;
  };
  assert.equal(await ask(), "431 headers_too_large");
  // By now the limit is known: nobody else notices.
  await using load = startLoad(scene.servers[0], scene.there);
  await load.untilAnswered(20);
  assert.equal(await ask(), "431 headers_too_large");
  await load.untilAnswered(20);
  check("a message too large for the broker, the others", await load.stop());
  await allQuiet(scene);
});

const postgres = await findPostgres();

Deno.test({
  name: postgres.label(rabbitmq.label("a database that is away")),
  ignore: rabbitmq.isSkipped || postgres.isSkipped,
  async fn() {
    await using database = await postgres.createDatabase();
    const url = new URL(database.url);
    await using network = await TcpRelay.start({ hostname: url.hostname, port: Number(url.port) || 5432 });
    url.host = `127.0.0.1:${network.port}`;
    const config = { ...CONFIG, database: { url: url.href }, tenantInfoCacheDuration: "10s" };
    await using scene = await startScene(await startCluster(broker!, config));
    await using local = startLoad(scene.servers[0], scene.here);
    await using remote = startLoad(scene.servers[0], scene.there);
    // A server can only go on for tenants that it has looked up.
    await Promise.all([local.untilAnswered(20), remote.untilAnswered(20)]);
    await network.cut();
    await within(Promise.all([remote.untilAnswered(200), local.untilAnswered(200)]), {
      timeoutMs: 20_000,
      what: "answers without the database",
      detail: () => JSON.stringify([remote.counts, local.counts]),
    });
    await network.restore();
    await remote.untilAnswered(20);
    check("database away, to a connector at the same server", await local.stop());
    check("database away, to a connector at another server", await remote.stop());
    await allQuiet(scene);
  },
});
