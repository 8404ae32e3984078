/**
 * Servers of a cluster that die, stand still, or must not run together. Every test prints lines: sent, answered, refused, lost, longest wait.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { answers, quiet } from "../testkit/cluster.ts";
import { startConnector } from "../testkit/connector.ts";
import { within } from "../testkit/deadline.ts";
import { checkCounts, Load, type LoadCounts, tellCounts } from "../testkit/load.ts";
import { polled } from "../testkit/polled.ts";
import { DataFolder, type ProgramOptions, type ServerProcess, startServerProcess } from "../testkit/programs.ts";
import { requireRabbitMq, shareBroker, type TestBroker } from "../testkit/rabbitmq.ts";
import type { ServerOverrides } from "../testkit/server.ts";
import type { TestTenant } from "../testkit/tenants.ts";

const EXPIRATION_MS = 8_000;
const KEEP_ALIVE_MS = 2_000;
const TOLERANCE_MS = 4_000;
const SHIFTED_CLOCK = fileURLToPath(new URL("../testkit/shifted_clock.ts", import.meta.url));

const rabbitmq = await requireRabbitMq();
const broker = await shareBroker(rabbitmq);

function testKill(name: string, run: (broker: TestBroker) => Promise<void>): void {
  Deno.test({ name: rabbitmq.label(name), ignore: rabbitmq.isSkipped, fn: () => run(broker!) });
}

const echo = (request: Request) => new Response(request.body);

function config({ url }: Pick<TestBroker, "url">): ServerOverrides {
  return {
    requestExpiration: `${EXPIRATION_MS}ms`,
    keepAliveInterval: `${KEEP_ALIVE_MS}ms`,
    connectionGrace: "3s",
    transport: { type: "amqp", amqp: { urls: [url], queueType: "classic" } },
  };
}

/** Three servers: clients ask the first and the third, the connector is at the second and may go to the third. */
interface Scene extends AsyncDisposable {
  readonly servers: readonly [ServerProcess, ServerProcess, ServerProcess];
  readonly tenant: TestTenant;
}

async function startScene(broker: TestBroker): Promise<Scene> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await DataFolder.create());
  const start = async () => resources.use(await startServerProcess(folder, config(broker)));
  const servers = [await start(), await start(), await start()] as const;
  const tenant = await folder.database.createTenant();
  const relayServerBaseUri = [servers[1].url, servers[2].url];
  const targets = { app: echo, ping: { type: "ping" } };
  resources.use(await startConnector(servers[1], tenant, { relayServerBaseUri, targets }));
  for (const server of servers) await answers(server, tenant, { path: "ping", status: 200 });
  const kept = resources.move();
  return { servers, tenant, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Clients of one server. */
function startLoad(server: ServerProcess, tenant: TestTenant): Load {
  return new Load({ send: (text) => server.relay(tenant, "app", { method: "POST", body: text }) });
}

function check(fault: string, counts: LoadCounts, expected: { readonly refused?: RegExp } = {}): void {
  checkCounts(fault, counts, { ...expected, longestMs: EXPIRATION_MS + TOLERANCE_MS });
}

/** A request that was handed over, and whose server died, may have been served: it is not sent again. */
const CONNECTION_LOST = /^(502 connector_lost|503 connector_unavailable)$/;

/** Waits until the servers that are left know each other, and nobody else, and measures it. */
async function forgotten(servers: readonly ServerProcess[]): Promise<number> {
  const startedAtMs = performance.now();
  for (const server of servers) await quiet(server, { peers: servers.length - 1 }, { ignoresTraffic: true });
  return performance.now() - startedAtMs;
}

testKill("a server that is killed while it holds clients", async (broker) => {
  await using scene = await startScene(broker);
  const [killed, second, third] = scene.servers;
  const others = [second, third];
  await using dying = startLoad(killed, scene.tenant);
  await using living = startLoad(third, scene.tenant);
  await dying.untilAnswered(50);
  await killed.kill();
  await dying.until(({ lost }) => lost >= 4);
  const tookMs = await forgotten(others);
  await living.untilAnswered(100);
  tellCounts("server killed that holds the clients, its own clients", await dying.stop());
  check("the same, clients of another server", await living.stop());
  assert.ok(tookMs < 2 * KEEP_ALIVE_MS + TOLERANCE_MS, `forgotten after ${tookMs} ms`);
  for (const server of others) await quiet(server, { peers: 1 });
});

testKill("a server that is killed while it holds the connection", async (broker) => {
  await using scene = await startScene(broker);
  const [first, killed, third] = scene.servers;
  await using one = startLoad(first, scene.tenant);
  await using other = startLoad(third, scene.tenant);
  const loads = [one, other];
  await Promise.all(loads.map((load) => load.untilAnswered(50)));
  await killed.kill();
  const tookMs = await forgotten([first, third]);
  await within(Promise.all(loads.map((load) => load.untilAnswered(100))), {
    timeoutMs: 30_000,
    what: "answers by the connector's new connection",
    detail: () => JSON.stringify(loads.map(({ counts }) => counts)),
  });
  check("server killed that holds the connection, clients of a second server", await one.stop(), {
    refused: CONNECTION_LOST,
  });
  check("the same, clients of the third, where the connector goes", await other.stop(), { refused: CONNECTION_LOST });
  assert.ok(tookMs < 2 * KEEP_ALIVE_MS + TOLERANCE_MS, `forgotten after ${tookMs} ms`);
  for (const server of [first, third]) await quiet(server, { peers: 1 });
});

testKill("a server that is killed beside the two that a request goes through", async (broker) => {
  await using scene = await startScene(broker);
  const [first, second, killed] = scene.servers;
  await using load = startLoad(first, scene.tenant);
  await load.untilAnswered(50);
  await killed.kill();
  await forgotten([first, second]);
  await load.untilAnswered(100);
  check("server killed that holds neither", await load.stop());
  for (const server of [first, second]) await quiet(server, { peers: 1 });
});

testKill("a server that stands still while it holds the connection", async (broker) => {
  await using scene = await startScene(broker);
  const [first, frozen, third] = scene.servers;
  await using load = startLoad(first, scene.tenant);
  await load.untilAnswered(50);
  Deno.kill(frozen.process.pid, "SIGSTOP");
  try {
    const tookMs = await forgotten([first, third]);
    await within(load.untilAnswered(100), { timeoutMs: 40_000, what: "answers by the connector's new connection" });
    check("server standing still that holds the connection", await load.stop(), {
      refused: /^(502 connector_lost|503 connector_unavailable|504 request_expired)$/,
    });
    assert.ok(tookMs < 2 * KEEP_ALIVE_MS + TOLERANCE_MS, `forgotten after ${tookMs} ms`);
  } finally {
    Deno.kill(frozen.process.pid, "SIGCONT");
  }
  // It has missed its own end, and finds its way back.
  for (const server of scene.servers) await quiet(server, { peers: 2 });
});

/** What waits at the broker. */
interface Queues {
  readonly mailboxes: number;
  /** Of one tenant, with those that were handed out and are not settled. */
  readonly tickets: number;
}

/** Waits until the broker has so many. */
async function queued(
  broker: TestBroker,
  tenant: TestTenant,
  expected: Pick<Queues, "tickets"> & Partial<Queues>,
): Promise<void> {
  const read = async (): Promise<Queues> => {
    const text = await broker.ctl("list_queues", "name", "messages", "--no-table-headers");
    const queues = text.trim().split("\n").map((line) => line.split("\t"));
    const [, tickets = 0] = queues.find(([name]) => name?.startsWith(`relayserver.tenant.${tenant.id}.`)) ?? [];
    return { mailboxes: queues.filter(([name]) => name?.startsWith("amq.gen")).length, tickets: Number(tickets) };
  };
  await polled(read, {
    until: ({ mailboxes, tickets }) => tickets === expected.tickets && mailboxes === (expected.mailboxes ?? mailboxes),
    what: `queues of ${JSON.stringify(expected)}`,
    timeoutMs: 30_000,
  });
}

// Who has taken the tickets forgets them, and has room for others. The question for each request waits in the mail of the server that stands still;
// when its mail is gone, it publishes the tickets again.
for (const [fate, heartbeatSeconds] of [["its mail is kept", 60], ["the broker drops it", 2]] as const) {
  testKill(`a server that stands still while requests wait at it, and ${fate}`, async (broker) => {
    await using folder = await DataFolder.create();
    const start = (url: string) => startServerProcess(folder, { ...config({ url }), requestExpiration: "60s" });
    await using frozen = await start(broker.url.replace("heartbeat=2", `heartbeat=${heartbeatSeconds}`));
    await using other = await start(broker.url);
    await other.process.waitForLine(/Working beside 1 /);
    const tenant = await folder.database.createTenant({ requireActiveConnection: false });
    const texts = ["0", "1", "2", "3", "4", "5"];
    const answered = texts.map(async (body) => {
      const response = await frozen.relay(tenant, "app", { method: "POST", body });
      return `${response.status} ${await response.text()}`;
    });
    await queued(broker, tenant, { tickets: texts.length });
    const calls: string[] = [];
    const app = async (request: Request) => {
      const text = await request.text();
      calls.push(text);
      return new Response(text);
    };
    Deno.kill(frozen.process.pid, "SIGSTOP");
    try {
      await using _connector = await startConnector(other, tenant, { targets: { app } });
      await forgotten([other]);
      const mailboxes = fate === "the broker drops it" ? 1 : 2;
      await queued(broker, tenant, { tickets: 0, mailboxes });
      assert.deepEqual(calls, []);
      Deno.kill(frozen.process.pid, "SIGCONT");
      assert.deepEqual(await Promise.all(answered), texts.map((text) => `200 ${text}`));
    } finally {
      Deno.kill(frozen.process.pid, "SIGCONT");
    }
    assert.deepEqual(calls.sort(), texts);
    for (const server of [frozen, other]) await quiet(server, { peers: 1 });
  });
}

for (const [then, isWayLost] of [["", false], [", also when the way to the connector is lost then", true]] as const) {
  testKill(
    `a server that stands still while stored requests wait at it: what others deliver meanwhile comes again, marked${then}`,
    async (broker) => {
      await using folder = await DataFolder.create();
      const start = () => startServerProcess(folder, { ...config(broker), requestExpiration: "60s" });
      await using frozen = await start();
      await using other = await start();
      await other.process.waitForLine(/Working beside 1 /);
      const tenant = await folder.database.createTenant({
        requireActiveConnection: false,
        acknowledgeMode: "connectorFinished",
      });
      const texts = ["0", "1", "2"];
      const answered = texts.map((body) => frozen.relay(tenant, "app", { method: "POST", body }));
      await queued(broker, tenant, { tickets: texts.length });
      const calls: { readonly text: string; readonly isMarked: boolean }[] = [];
      const [called, calledAgain, lost] = [0, 1, 2].map(() => Promise.withResolvers<void>());
      const app = async (request: Request) => {
        const text = await request.text();
        calls.push({ text, isMarked: request.headers.has("RelayServer-Redelivered") });
        const isAgain = calls.length > texts.length;
        if (calls.length === texts.length) called!.resolve();
        if (calls.length === 2 * texts.length) calledAgain!.resolve();
        if (isAgain && isWayLost) await lost!.promise;
        return new Response(text);
      };
      Deno.kill(frozen.process.pid, "SIGSTOP");
      try {
        await using _connector = await startConnector(other, tenant, { targets: { app } });
        await within(called!.promise, { timeoutMs: 30_000, what: "the requests, delivered by the other server" });
        Deno.kill(frozen.process.pid, "SIGCONT");
        await within(calledAgain!.promise, { timeoutMs: 30_000, what: "the requests, delivered again" });
        if (isWayLost) await broker.ctl("close_all_connections", "test");
        lost!.resolve();
        for (const [index, response] of (await Promise.all(answered)).entries()) {
          assert.equal(`${response.status} ${await response.text()}`, `200 ${texts[index]}`);
        }
      } finally {
        Deno.kill(frozen.process.pid, "SIGCONT");
      }
      const again = calls.slice(texts.length);
      // How often is up to how often the way is lost: the broker drops a server that stood still for long, sooner or later.
      assert.deepEqual([...new Set(again.map(({ text }) => text))].sort(), texts);
      assert.deepEqual(again.filter(({ isMarked }) => !isMarked), []);
      for (const server of [frozen, other]) await quiet(server, { peers: 1 });
    },
  );
}

testKill("servers whose clocks are an hour apart", async (broker) => {
  await using folder = await DataFolder.create();
  const start = (offsetMs: number, options: ProgramOptions = {}) =>
    startServerProcess(folder, config(broker), {
      ...options,
      preload: SHIFTED_CLOCK,
      env: { RELAY_TEST_CLOCK_OFFSET_MS: String(offsetMs) },
    });
  await using fast = await start(3_600_000 / 2);
  await using slow = await start(-3_600_000 / 2);
  const tenant = await folder.database.createTenant();
  // Its token has to be good where it was made: an hour is a token's life.
  await using _connector = await startConnector(slow, tenant, {
    targets: { app: echo, ping: { type: "ping" } },
  });
  await answers(fast, tenant, { path: "ping", status: 200 });
  await using load = startLoad(fast, tenant);
  await load.untilAnswered(100);
  check("clocks an hour apart", await load.stop());
  for (const server of [fast, slow]) await quiet(server, { peers: 1 });
});

testKill("a server with another database on the same broker stops and says why, the others go on", async (broker) => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder, config(broker));
  const tenant = await folder.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: echo } });
  await using load = startLoad(server, tenant);
  await load.untilAnswered(100);
  await server.process.waitForLine(/Working beside/);
  await using otherFolder = await DataFolder.create();
  await using stranger = await startServerProcess(otherFolder, config(broker));
  const { code } = await within(stranger.process.status, { timeoutMs: 20_000, what: "the stranger's end" });
  assert.equal(code, 2, stranger.process.output);
  assert.match(stranger.process.output, /on the same broker and uses another database/);
  await load.untilAnswered(100);
  check("another database on the same broker", await load.stop());
  await quiet(server, { peers: 0 });
});
