import assert from "node:assert/strict";
import { startConnector } from "./testkit/connector.ts";
import { requireRabbitMq, TestBroker } from "./testkit/rabbitmq.ts";
import { type ServerOverrides, startServer, type TestServer } from "./testkit/server.ts";

const rabbitmq = await requireRabbitMq();
const broker = rabbitmq.isSkipped ? undefined : await TestBroker.start();
if (broker !== undefined) Deno.test.afterAll(() => broker[Symbol.asyncDispose]());

/** Registers a test with a broker. */
function test(name: string, fn: (broker: TestBroker) => Promise<void>): void {
  Deno.test({ name: rabbitmq.label(name), ignore: rabbitmq.isSkipped, fn: () => fn(broker!) });
}

interface TestCluster extends AsyncDisposable {
  readonly servers: readonly TestServer[];
}

async function startCluster(broker: TestBroker, count: number, overrides: ServerOverrides = {}): Promise<TestCluster> {
  await using resources = new AsyncDisposableStack();
  const dataDirectory = await Deno.makeTempDir({ prefix: "relayserver-" });
  resources.defer(() => Deno.remove(dataDirectory, { recursive: true }));
  const transport = { type: "amqp", amqp: { urls: [broker.url] } } as const;
  const servers: TestServer[] = [];
  for (let index = 0; index < count; index++) {
    servers.push(resources.use(await startServer({ dataDirectory, transport, ...overrides })));
  }
  const kept = resources.move();
  return { servers, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

test("a request reaches a connector at another origin", async (broker) => {
  await using cluster = await startCluster(broker, 2);
  const [first, second] = cluster.servers as [TestServer, TestServer];
  const tenant = await first.database.createTenant();
  await using _connector = await startConnector(first, tenant, {
    targets: { app: (request) => new Response(`${request.method} ${new URL(request.url).pathname}`) },
  });
  await new Promise((r) => setTimeout(r, 1000));
  const response = await second.relay(tenant, "app/a");
  assert.equal(await response.text(), "GET /a");
  const big = new Uint8Array(5_000_000).fill(7);
  await using _echo = await startConnector(first, tenant, { targets: { echo: { type: "echo" } } });
  const t = performance.now();
  const upload = await second.relay(tenant, "app/a", { method: "POST", body: big });
  console.log(upload.status, await upload.text(), performance.now() - t);
});
