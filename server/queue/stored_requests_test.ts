import assert from "node:assert/strict";
import { makeRequest, settle } from "../../shared/protocol/testing.ts";
import { MemoryBodyStore } from "../body_store/mod.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { FakeConnections } from "../dispatch/testing.ts";
import type { LeaseRepository, StoredRequestRepository } from "../persistence/mod.ts";
import { MemoryTransport } from "../transport/memory_transport.ts";
import { AcknowledgeTokens } from "./acknowledge_tokens.ts";
import { StoredRequests } from "./stored_requests.ts";

Deno.test("drain() waits for what was stored after a drain before it had ended", async () => {
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
    } as Partial<StoredRequestRepository> as StoredRequestRepository,
    leases: { release: () => Promise.resolve() } as Partial<LeaseRepository> as LeaseRepository,
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
  const connection = connections.connect();
  const store = () =>
    requests.dispatch({
      ...{ tenantId: "t", mode: "connectorFinished", request: makeRequest(), isTraced: false },
      acknowledgeBase: "http://relay",
    }, { requireActiveConnection: true });

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
  await requests.stop({ timeoutMs: 1_000 });
  dispatcher[Symbol.dispose]();
});
