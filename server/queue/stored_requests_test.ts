import assert from "node:assert/strict";
import { makeRequest, settle } from "../../shared/protocol/testing.ts";
import { MemoryBodyStore } from "../body_store/mod.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { FakeConnections } from "../dispatch/testing.ts";
import type { LeaseRepository, StoredRequest, StoredRequestRepository } from "../persistence/mod.ts";
import { storedRequest } from "../persistence/testing.ts";
import { MemoryTransport } from "../transport/memory_transport.ts";
import { AcknowledgeTokens } from "./acknowledge_tokens.ts";
import { StoredRequests } from "./stored_requests.ts";

/** Stored requests of the tenant `t`, over rows that are as `rows` says. */
function setUp(rows: Partial<StoredRequestRepository> = {}) {
  const connections = new FakeConnections("t");
  const { queues } = new MemoryTransport({ originId: "here", maxQueuedPerTenant: 10 });
  const dispatcher = new Dispatcher({ connections, queues }, { originId: "here", connectionGraceMs: 0 });
  const requests = new StoredRequests({
    requests: {
      usage: () => Promise.resolve({ requests: 0, bytes: 0 }),
      insertMany: () => Promise.resolve(),
      removeMany: () => Promise.resolve(),
      claim: () => Promise.resolve([]),
      nextAttemptAt: () => Promise.resolve(undefined),
      listHeld: () => Promise.resolve([]),
      totals: () => Promise.resolve({ queued: 0, dead: 0, oldestAt: undefined }),
      ...rows,
    } as Partial<StoredRequestRepository> as StoredRequestRepository,
    leases: {
      acquire: (name) => Promise.resolve(name !== "queue"),
      release: () => Promise.resolve(),
    } as Partial<LeaseRepository> as LeaseRepository,
    bodies: new MemoryBodyStore({ maxTotalBytes: 100 }),
    ...{ dispatcher, connections, queues },
    tokens: new AcknowledgeTokens(new Uint8Array(32)),
    peers: () => [],
    now: Date.now,
  }, {
    originId: "here",
    acknowledgeTimeoutMs: 60_000,
    redeliveryLimit: 1,
    keepAliveIntervalMs: 60_000,
    queueExpirationMs: 60_000,
    limit: { requests: 10, bytes: 100 },
  });
  return {
    ...{ requests, connections, dispatcher },
    store: () =>
      requests.dispatch({
        ...{ tenantId: "t", mode: "connectorFinished", request: makeRequest(), isTraced: false },
        acknowledgeBase: "http://relay",
      }, { requireActiveConnection: true }),
    async [Symbol.asyncDispose]() {
      await requests.stop({ timeoutMs: 1_000 });
      dispatcher[Symbol.dispose]();
    },
  };
}

Deno.test("drain() waits for what was stored after a drain before it had ended", async () => {
  await using test = setUp();
  const { requests, connections, store } = test;
  const connection = connections.connect();
  await store();
  const first = requests.drain();
  await settle();
  connection.deliveries[0]!.answer();
  await first;
  await store();
  let hasDrained = false;
  const second = requests.drain().then(() => void (hasDrained = true));
  await settle();
  assert.deepEqual([requests.held, hasDrained], [1, false]);
  connection.deliveries[1]!.answer();
  await second;
  assert.equal(requests.held, 0);
});

Deno.test("a repeat that waits for room is not delivered once its request was acknowledged at another origin", async () => {
  const claimed: StoredRequest[] = [];
  const claiming = Promise.withResolvers<void>();
  await using test = setUp({
    async claim() {
      await claiming.promise;
      return claimed.splice(0);
    },
  });
  const { requests, connections, dispatcher } = test;
  claimed.push(storedRequest({ tenantId: "t", mode: "manual", state: "delivering", attempts: 2, holder: "here" }));
  const connection = connections.connect(1);
  // The only room is taken while the request is claimed.
  dispatcher.dispatch("t", makeRequest(), { trace: false, expiresInMs: 60_000, requireActiveConnection: true });
  claiming.resolve();
  await settle();
  assert.deepEqual([requests.held, dispatcher.waiting], [1, 1]);
  await requests.start();
  await settle();
  assert.deepEqual([requests.held, dispatcher.waiting], [0, 0]);
  connection.deliveries[0]!.answer();
  await settle();
  assert.equal(connection.deliveries.length, 1);
});

Deno.test("a request whose row is still being written is not taken for one whose row is gone", async () => {
  const writing = Promise.withResolvers<void>();
  const removed: string[] = [];
  await using test = setUp({
    insertMany: () => writing.promise,
    removeMany: (ids) => Promise.resolve(void removed.push(...ids)),
  });
  const { requests, connections, store } = test;
  const connection = connections.connect();
  const stored = store();
  await settle();
  await requests.start();
  writing.resolve();
  const { response } = await stored;
  connection.deliveries[0]!.answer();
  await response;
  await requests.drain();
  await requests.stop({ timeoutMs: 1_000 });
  assert.equal(removed.length, 1);
});
