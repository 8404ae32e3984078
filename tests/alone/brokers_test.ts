/**
 * How servers reach the broker: by TLS, and by one of several addresses.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeCertificate } from "../testkit/certificate.ts";
import { answers, quiet, startCluster } from "../testkit/cluster.ts";
import { startConnector } from "../testkit/connector.ts";
import { within } from "../testkit/deadline.ts";
import { Load, tellCounts } from "../testkit/load.ts";
import { testLog } from "../testkit/log.ts";
import { requireRabbitMq, TestBroker } from "../testkit/rabbitmq.ts";
import { requireCommands } from "../testkit/requirement.ts";
import { type ServerOverrides, startServer, type TestServer } from "../testkit/server.ts";
import type { TestTenant } from "../testkit/tenants.ts";

const rabbitmq = await requireRabbitMq();
const openssl = await requireCommands(["openssl"], { requirement: "rabbitmq" });

const TIMEOUT_MS = 40_000;

/** Registers a test that starts brokers of its own. */
function testBrokers(name: string, run: (test: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name: openssl.label(rabbitmq.label(name)), ignore: rabbitmq.isSkipped || openssl.isSkipped, fn: run });
}

/** A broker with a certificate, and folders of two authorities: its own and another one. */
async function startTlsBroker(resources: AsyncDisposableStack) {
  const authority = async (): Promise<Awaited<ReturnType<typeof makeCertificate>>> => {
    const folder = await Deno.makeTempDir({ prefix: "relayserver-authority-" });
    resources.defer(() => Deno.remove(folder, { recursive: true }));
    return await makeCertificate(folder, openssl.path("openssl"));
  };
  const own = await authority();
  const broker = resources.use(await TestBroker.start({ certificate: own }));
  return { broker, own, stranger: await authority() };
}

function transport(urls: readonly string[], caFile?: string): ServerOverrides["transport"] {
  return { type: "amqp", amqp: { urls: [...urls], queueType: "classic", ...(caFile === undefined ? {} : { caFile }) } };
}

async function transportState({ url }: TestServer): Promise<string> {
  const response = await fetch(`${url}/health/ready`);
  assert.equal(response.status, 200);
  return (await response.json()).transport.status;
}

type TlsBroker = Awaited<ReturnType<typeof startTlsBroker>>;

async function relaysThrough({ broker, own }: TlsBroker): Promise<void> {
  await using cluster = await startCluster(broker, { transport: transport([broker.tlsUrl], own.caFile) });
  const [near, far] = cluster.servers as [TestServer, TestServer];
  const tenant = await near.database.createTenant();
  const echo = (request: Request) => new Response(request.body);
  await using _connector = await startConnector(far, tenant, { targets: { app: echo, ping: { type: "ping" } } });
  await answers(near, tenant, { path: "ping", status: 200 });
  for (const bytes of [10, 1_000_000]) {
    const body = "x".repeat(bytes);
    assert.equal(await (await near.relay(tenant, "app", { method: "POST", body })).text(), body);
  }
  assert.equal(await transportState(near), "ready");
}

const REFUSED = { message: /Cannot connect to the broker/ };

async function refuses({ broker }: TlsBroker, caFile: string | undefined): Promise<void> {
  const count = testLog.find(REFUSED).length + 1;
  await using server = await startServer({ transport: transport([broker.tlsUrl], caFile) });
  const record = await testLog.waitFor(REFUSED, { count });
  assert.match(String(record.properties.error), /UnknownIssuer|certificate/i);
  assert.equal(await transportState(server), "away");
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { ping: { type: "ping" } } });
  assert.equal((await server.relay(tenant, "ping")).status, 200);
}

testBrokers("amqps: who knows the broker's authority relays through it, others refuse it and say why", async (t) => {
  await using resources = new AsyncDisposableStack();
  const tls = await startTlsBroker(resources);
  await t.step("servers that know its authority", () => relaysThrough(tls));
  await t.step("a server that knows another authority only", () => refuses(tls, tls.stranger.caFile));
  await t.step("a server that knows no private authority", () => refuses(tls, undefined));
});

/** Bodies that a target got, each as often as it came. */
class Received {
  readonly #counts = new Map<string, number>();
  #changed = Promise.withResolvers<void>();

  readonly handle = async (request: Request): Promise<Response> => {
    const text = await request.text();
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    return new Response(text);
  };

  /** Waits until all of them have come. */
  async all(texts: readonly string[]): Promise<void> {
    const missing = () => texts.filter((text) => !this.#counts.has(text));
    const wait = async () => {
      while (missing().length > 0) await this.#changed.promise;
    };
    const detail = () => `missing: ${missing()}`;
    await within(wait(), { timeoutMs: TIMEOUT_MS, what: "all that was accepted", detail });
  }
}

/** Puts requests into a tenant's queue until it is stopped; `202` is the promise that they are delivered. */
class Enqueuer implements AsyncDisposable {
  readonly accepted: string[] = [];
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(server: TestServer, tenant: TestTenant) {
    this.#running = this.#run(`${server.url}/queue/${tenant.name}/app`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(url: string): Promise<void> {
    for (let number = 0; !this.#isOver; number++) {
      const body = `queued-${number}`;
      const response = await fetch(url, { method: "POST", body });
      await response.body?.cancel();
      if (response.status === 202) this.accepted.push(body);
    }
  }
}

const AWAY = { message: /Broker connection \{name\} is \{state\}/, properties: { state: "away" } };

testBrokers(
  "several brokers: the next is taken when one is down, and nothing accepted is lost when it dies",
  async () => {
    await using resources = new AsyncDisposableStack();
    const [first, second] = await Promise.all([TestBroker.start(), TestBroker.start()]);
    resources.use(first);
    resources.use(second);
    await first.stop();
    const received = new Received();
    await using cluster = await startCluster(first, {
      transport: transport([first.url, second.url]),
      keepAliveInterval: "1500ms",
      requestExpiration: "20s",
    });
    const [near, far] = cluster.servers as [TestServer, TestServer];
    const tenant = await near.database.createTenant();
    const targets = { app: received.handle, ping: { type: "ping" as const } };
    await using _connector = await startConnector(far, tenant, { targets });
    await answers(near, tenant, { path: "ping", status: 200 });
    await using load = new Load({ send: (text) => near.relay(tenant, "app", { method: "POST", body: text }) });
    await using enqueuer = new Enqueuer(near, tenant);
    await load.untilAnswered(50);
    await first.start();
    // Of two servers, each with a connection that publishes and one that consumes.
    const awayCount = testLog.find(AWAY).length + 4;
    await second.kill();
    await testLog.waitFor(AWAY, { count: awayCount });
    await load.untilAnswered(100);
    await enqueuer[Symbol.asyncDispose]();
    const counts = await load.stop();
    tellCounts("the broker in use killed, another one taken", counts);
    assert.equal(counts.lost, 0, load.losses.join("; "));
    assert.ok(enqueuer.accepted.length > 0);
    await received.all(enqueuer.accepted);
    for (const server of cluster.servers) await quiet(server, { peers: 1 });
  },
);
