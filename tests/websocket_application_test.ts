import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buildSchema, type ExecutionResult } from "graphql";
import { createClient } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import { WebSocket, WebSocketServer } from "ws";
import { answers, startCluster } from "./testkit/cluster.ts";
import { startConnector, type TestTargets } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { requireRabbitMq, shareBroker } from "./testkit/rabbitmq.ts";
import type { TestServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";

/** A chat over GraphQL subscriptions: it needs sub-protocol, messages both ways and close codes. */
async function startChat() {
  const said: string[] = [];
  let wake = Promise.withResolvers<void>();
  const schema = buildSchema(`
    type Query { count: Int! }
    type Mutation { say(text: String!): Int! }
    type Subscription { heard(last: Int!): String! }
  `);
  const roots = {
    query: { count: () => said.length },
    mutation: {
      say({ text }: { text: string }) {
        said.push(text);
        wake.resolve();
        wake = Promise.withResolvers();
        return said.length;
      },
    },
    subscription: {
      async *heard({ last }: { last: number }) {
        for (let count = 0; count < last; count++) {
          while (said.length <= count) await wake.promise;
          yield { heard: said[count] };
        }
      },
    },
  };
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, path: "/graphql" });
  const graphql = useServer(
    { schema, roots, onConnect: ({ connectionParams }) => connectionParams?.key === "k" },
    sockets,
  );
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await graphql.dispose();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

const rabbitmq = await requireRabbitMq();
const broker = await shareBroker(rabbitmq);

/** Ways to the chat: base of the server that the clients know, and its tenant. */
const WAYS: Readonly<
  Record<string, (targets: TestTargets) => Promise<AsyncDisposable & { readonly url: string; readonly tenant: string }>>
> = {
  node: (targets) => oneServer(targets, "node"),
  native: (targets) => oneServer(targets, "native"),
  "across two servers": async (targets) => {
    await using resources = new AsyncDisposableStack();
    const cluster = resources.use(await startCluster(broker!));
    const [near, far] = cluster.servers as [TestServer, TestServer];
    const tenant = await near.database.createTenant();
    resources.use(await startConnector(far, tenant, { targets }));
    await answers(near, tenant, { path: "ping", status: 200 });
    const kept = resources.move();
    return { url: near.url, tenant: tenant.name, [Symbol.asyncDispose]: () => kept.disposeAsync() };
  },
};

async function oneServer(targets: TestTargets, listener: "node" | "native") {
  const site = await startSite(targets, { listener });
  return {
    url: site.server.url,
    tenant: site.tenant.name,
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  };
}

for (const [way, start] of Object.entries(WAYS)) {
  const isSkipped = way === "across two servers" && rabbitmq.isSkipped;
  const name = `${way}: a chat over GraphQL subscriptions works through the relay`;
  Deno.test({ name: isSkipped ? rabbitmq.label(name) : name, ignore: isSkipped, fn: () => chatThrough(start) });
}

async function chatThrough(start: (typeof WAYS)[string]): Promise<void> {
  await using chat = await startChat();
  await using site = await start({ chat: chat.url, ping: { type: "ping" } });
  const url = `${site.url.replace("http", "ws")}/relay/${site.tenant}/chat/graphql`;
  const options = { url, webSocketImpl: WebSocket, retryAttempts: 0 };
  const client = createClient({ ...options, connectionParams: { key: "k" } });
  const run = async (query: string) => {
    const results: ExecutionResult["data"][] = [];
    for await (const { data, errors } of client.iterate({ query })) {
      assert.equal(errors, undefined);
      results.push(data as ExecutionResult["data"]);
    }
    return results.map((each) => ({ ...each }));
  };
  const heard = run("subscription { heard(last: 3) }");
  for (const text of ["one", "zwei", "x".repeat(100_000)]) {
    await run(`mutation { say(text: ${JSON.stringify(text)}) }`);
  }
  assert.deepEqual(await within(heard, { timeoutMs: 10_000, what: "the chat" }), [
    { heard: "one" },
    { heard: "zwei" },
    { heard: "x".repeat(100_000) },
  ]);
  assert.deepEqual(await run("{ count }"), [{ count: 3 }]);
  await client.dispose();

  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  const stranger = createClient({
    ...options,
    connectionParams: { key: "wrong" },
    on: { closed: (event) => closed.resolve(event as { code: number; reason: string }) },
  });
  await assert.rejects(async () => {
    for await (const _ of stranger.iterate({ query: "{ count }" }));
  });
  const { code, reason } = await within(closed.promise, { timeoutMs: 5000, what: "the refusal" });
  assert.deepEqual([code, reason], [4403, "Forbidden"]);
  await stranger.dispose();
}
