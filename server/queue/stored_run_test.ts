import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import { FakeTime, makeRequest, settle } from "../../shared/protocol/testing.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import { MemoryBodyStore, type StoredBody } from "../body_store/mod.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { NO_REMOTE_CONNECTIONS, type RemoteConnections } from "../dispatch/remote_connections.ts";
import { FakeConnection, FakeConnections } from "../dispatch/testing.ts";
import type { Burial, NextAttempt, StoredRequest, StoredRequestRepository } from "../persistence/mod.ts";
import { storedRequest } from "../persistence/testing.ts";
import type { TenantQueues } from "../transport/transport.ts";
import { AcknowledgeTokens } from "./acknowledge_tokens.ts";
import { Ledger } from "./ledger.ts";
import { backoffMs } from "./next_step.ts";
import { StoredRun, type WaitingClient } from "./stored_run.ts";

const ACKNOWLEDGE_TIMEOUT_MS = 10_000;
const REDELIVERY_LIMIT = 2;
const REQUEST = storedRequest({
  id: "0190a1b2-0000-7000-8000-000000000001",
  tenantId: "t",
  mode: "connectorFinished",
  ...{ state: "delivering", attempts: 1, holder: "here" },
  ...{ createdAt: 0, expiresAt: 1_000_000, nextAttemptAt: 0 },
});

/** Every ticket is lost on its way. */
const LOSING_QUEUES: TenantQueues = {
  publish: () => Promise.resolve(),
  withdraw: () => {},
  consume: () => ({ setCapacity: () => {}, [Symbol.dispose]: () => {} }),
  remove: () => Promise.resolve(),
};

/** Runs of the tenant `t`, over a clock that the test moves. With other origins, everything goes by them. */
function setUp({ remote }: { readonly remote?: Partial<RemoteConnections> } = {}) {
  const time = new FakeTime();
  const now = () => performance.now();
  const connections = new FakeConnections("t");
  const parts = { connections, remote: { ...NO_REMOTE_CONNECTIONS, ...remote }, queues: LOSING_QUEUES };
  const dispatcher = new Dispatcher(parts, {
    originId: "here",
    connectionGraceMs: 5_000,
    connectorTransportShortcut: remote === undefined,
  });
  const rescheduled: NextAttempt[] = [];
  const buried: Burial[] = [];
  const removed: string[] = [];
  const requests = {
    reschedule: (next: NextAttempt) => Promise.resolve(rescheduled.push(next) > 0 && !isTaken),
    bury: (burial: Burial) => Promise.resolve(buried.push(burial) > 0),
    removeMany: (ids: readonly string[]) => Promise.resolve(void removed.push(...ids)),
  } as Partial<StoredRequestRepository> as StoredRequestRepository;
  const bodies = new MemoryBodyStore({ maxTotalBytes: 100 });
  const ledger = new Ledger({ requests, bodies, limit: { requests: 10, bytes: 100 } });
  const tokens = new AcknowledgeTokens(new Uint8Array(32));
  const deadlines = new Deadlines(ACKNOWLEDGE_TIMEOUT_MS);
  const ended: boolean[] = [];
  let hasLapsed = false;
  let isTaken = false;
  const placed = new Set<StoredRun>();
  return {
    ...{ time, connections, dispatcher, rescheduled, buried, removed, ended, placed, bodies },
    run(changes: Partial<StoredRequest> = {}, client?: WaitingClient): StoredRun {
      const run = new StoredRun({ ...REQUEST, ...changes }, {
        parts: { dispatcher, bodies, ledger, tokens, mayHaveLost: () => hasLapsed, deadlines, now },
        options: {
          originId: "here",
          acknowledgeTimeoutMs: ACKNOWLEDGE_TIMEOUT_MS,
          redeliveryLimit: REDELIVERY_LIMIT,
        },
        client,
        port: { placed: (run) => void placed.add(run), ended: (_, { isWaiting }) => void ended.push(isWaiting) },
      });
      run.start();
      return run;
    },
    /** The other origins took this one for dead for a while. */
    lapse(): void {
      hasLapsed = true;
    },
    /** Whatever is held here is somebody else's, or gone. */
    take(): void {
      isTaken = true;
    },
    /** Resolves when the ledger has written what it was told. */
    written(): Promise<void> {
      time.pass(10);
      return ledger.idle();
    },
    [Symbol.dispose]() {
      dispatcher[Symbol.dispose]();
      time[Symbol.dispose]();
    },
  };
}

Deno.test("a request that waits in vain for a connection with room is put back, and no delivery is counted", async () => {
  using test = setUp();
  test.connections.connect(1);
  test.dispatcher.dispatch("t", makeRequest(), { trace: false, expiresInMs: 1, requireActiveConnection: true });
  test.run();
  await settle();
  test.time.pass(ACKNOWLEDGE_TIMEOUT_MS);
  await settle();
  assert.deepEqual(test.rescheduled.map(({ attempts, isKept }) => ({ attempts, isKept })), [
    { attempts: 0, isKept: false },
  ]);
  assert.deepEqual([test.ended, test.dispatcher.waiting], [[true], 0]);
});

Deno.test("a request has its room once it is on a connection here", async () => {
  using test = setUp();
  test.connections.connect();
  const run = test.run();
  await settle();
  assert.deepEqual([...test.placed], [run]);
});

Deno.test("a request that goes by another origin has no room until a connector has it: it may come back", async () => {
  const elsewhere = new FakeConnection(10, { isRemote: true });
  using test = setUp({ remote: { pick: () => elsewhere, isConnected: () => true } });
  test.run();
  const taken = test.run({ id: "0190a1b2-0000-7000-8000-000000000002" });
  await settle();
  const [first, second] = elsewhere.deliveries;
  first!.isRefused = true;
  first!.fail(new RelayError("connector_unavailable", "There is no room"));
  await settle();
  assert.deepEqual([elsewhere.deliveries.length, test.dispatcher.waiting, test.placed.size], [2, 1, 0]);
  second!.options.onAcknowledged?.();
  assert.deepEqual([...test.placed], [taken]);
});

Deno.test("a request whose client waits asks for a connection again when it waited in vain", async () => {
  using test = setUp();
  const connection = test.connections.connect(1);
  test.dispatcher.dispatch("t", makeRequest(), { trace: false, expiresInMs: 1, requireActiveConnection: true });
  const run = test.run({ kind: "relay" }, { requireActiveConnection: true, handover: undefined });
  await settle();
  connection.deliveries[0]!.answer();
  test.time.pass(ACKNOWLEDGE_TIMEOUT_MS);
  await settle();
  connection.deliveries[1]!.answer();
  assert.equal((await run.response).status, 204);
  await test.written();
  assert.deepEqual([test.removed, test.rescheduled, test.ended], [[REQUEST.id], [], [false]]);
});

Deno.test("a body store that does not answer holds a request no longer than a delivery may take", async () => {
  using test = setUp();
  test.connections.connect();
  const opened = Promise.withResolvers<StoredBody | undefined>();
  let isLateBodyCancelled = false;
  test.bodies.open = () => opened.promise;
  test.run({ bodyKey: "body" });
  await settle();
  test.time.pass(ACKNOWLEDGE_TIMEOUT_MS);
  await settle();
  assert.deepEqual(test.rescheduled.map(({ attempts, lastError }) => ({ attempts, lastError })), [
    { attempts: 0, lastError: "body_store_unavailable: The body store does not answer" },
  ]);
  const stream = new ReadableStream<Uint8Array>({ cancel: () => void (isLateBodyCancelled = true) });
  opened.resolve({ sizeBytes: 1, stream });
  await settle();
  assert.deepEqual([isLateBodyCancelled, test.ended], [true, [true]]);
});

Deno.test("a request that ends every connection is delivered again after a pause each time, marked, and given up at the limit", async () => {
  using test = setUp();
  const run = test.run({ kind: "relay" }, { requireActiveConnection: true, handover: undefined });
  const marks: (string | undefined)[] = [];
  for (let delivery = 1; delivery <= REDELIVERY_LIMIT + 1; delivery++) {
    const connection = test.connections.connect();
    await settle();
    if (delivery > 1) {
      assert.equal(connection.deliveries.length, 0);
      test.time.pass(backoffMs(delivery - 1, () => 1));
      await settle();
    }
    marks.push(headerValue(connection.deliveries[0]!.request.headers, "relayserver-redelivered"));
    test.connections.lose(connection);
    await settle();
  }
  assert.deepEqual(marks, [undefined, "1", "2"]);
  await assert.rejects(run.response, { code: "connector_lost" });
  // Before each delivery the database knows of it, and not before the pause: who takes it over then has as many repeats left.
  assert.deepEqual(test.rescheduled.map(({ attempts, isKept }) => [attempts, isKept]), [
    ...[[1, true], [2, true]],
    ...[[2, true], [3, true]],
  ]);
  assert.deepEqual(test.buried.map(({ attempts, reason }) => [attempts, reason]), [[3, "redelivery_limit"]]);
  assert.deepEqual(test.ended, [false]);
});

Deno.test("what others may have delivered while this origin stood still is marked, though it was waiting here all the time", async () => {
  using test = setUp();
  const connection = test.connections.connect(1);
  test.dispatcher.dispatch("t", makeRequest(), { trace: false, expiresInMs: 1, requireActiveConnection: true });
  test.run({ kind: "relay" }, { requireActiveConnection: true, handover: undefined });
  await settle();
  test.lapse();
  connection.deliveries[0]!.answer();
  test.time.pass(ACKNOWLEDGE_TIMEOUT_MS);
  await settle();
  assert.equal(headerValue(connection.deliveries[1]!.request.headers, "relayserver-redelivered"), "1");
});

Deno.test("what others have settled while this origin stood still comes again, marked, when its delivery here is lost", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const run = test.run({ kind: "relay" }, { requireActiveConnection: true, handover: undefined });
  await settle();
  test.lapse();
  test.take();
  test.connections.lose(connection);
  const next = test.connections.connect();
  await settle();
  test.time.pass(backoffMs(1, () => 1));
  await settle();
  const [delivery] = next.deliveries;
  assert.equal(headerValue(delivery!.request.headers, "relayserver-redelivered"), "2");
  delivery!.answer();
  assert.equal((await run.response).status, 204);
});

Deno.test("what was settled elsewhere, though this origin never stood still, does not come again", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const run = test.run({ kind: "relay" }, { requireActiveConnection: true, handover: undefined });
  await settle();
  test.take();
  test.connections.lose(connection);
  await assert.rejects(run.response, { code: "connector_lost" });
  assert.deepEqual(test.ended, [false]);
});

Deno.test("what is settled elsewhere in the pause before its next delivery does not come again", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const run = test.run({ kind: "relay" }, { requireActiveConnection: true, handover: undefined });
  await settle();
  test.connections.lose(connection);
  const next = test.connections.connect();
  await settle();
  test.take();
  test.time.pass(backoffMs(1, () => 1));
  await assert.rejects(run.response, { code: "connector_lost" });
  assert.deepEqual([next.deliveries.length, test.ended], [0, [false]]);
});

Deno.test("settledElsewhere() in the pause before the next delivery tells the client how the last one failed, at once", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const run = test.run({ kind: "relay", mode: "manual" }, { requireActiveConnection: true, handover: undefined });
  await settle();
  test.connections.lose(connection);
  const next = test.connections.connect();
  await settle();
  run.settledElsewhere();
  await assert.rejects(run.response, { code: "connector_lost" });
  await settle();
  test.time.pass(backoffMs(1, () => 1));
  await settle();
  assert.deepEqual([next.deliveries.length, test.ended], [0, [false]]);
});

Deno.test("settledElsewhere() while the next delivery waits for a connection with room ends it", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const run = test.run({ kind: "relay", mode: "manual" }, { requireActiveConnection: true, handover: undefined });
  await settle();
  test.connections.lose(connection);
  test.connections.connect(1);
  test.dispatcher.dispatch("t", makeRequest(), { trace: false, expiresInMs: 1, requireActiveConnection: true });
  await settle();
  test.time.pass(backoffMs(1, () => 1));
  await settle();
  assert.equal(test.dispatcher.waiting, 1);
  run.settledElsewhere();
  await assert.rejects(run.response, { code: "connector_lost" });
  await settle();
  assert.deepEqual([test.dispatcher.waiting, test.ended], [0, [false]]);
});

Deno.test("a dead letter that somebody sends again is marked with the deliveries before, and has all its repeats", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  test.run({ earlierDeliveries: REDELIVERY_LIMIT + 1 });
  await settle();
  const [delivery] = connection.deliveries;
  assert.equal(headerValue(delivery!.request.headers, "relayserver-redelivered"), String(REDELIVERY_LIMIT + 1));
  test.connections.lose(connection);
  await settle();
  assert.deepEqual(test.rescheduled.map(({ attempts, isKept }) => [attempts, isKept]), [[1, false]]);
});

Deno.test("a delivery that is not answered in time counts as failed, and is told to the connector", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  test.run();
  await settle();
  test.time.pass(ACKNOWLEDGE_TIMEOUT_MS);
  await settle();
  assert.deepEqual(connection.deliveries[0]!.cancelled, ["expired"]);
  assert.deepEqual(test.rescheduled.map(({ attempts, isKept }) => [attempts, isKept]), [[1, false]]);
});

Deno.test("what another delivery would not change becomes a dead letter at once", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  test.run();
  await settle();
  connection.deliveries[0]!.fail(new RelayError("target_unknown", "There is no such target"));
  await settle();
  assert.deepEqual(test.buried.map(({ attempts, reason }) => [attempts, reason]), [[1, "refused"]]);
});

Deno.test("a body whose request was lost or refused before anybody read it is cancelled", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({ cancel: (reason) => void cancelled.push(reason) });
  test.bodies.open = () => Promise.resolve<StoredBody>({ stream, sizeBytes: 3 });
  test.run({ bodyKey: "body" });
  await settle();
  connection.deliveries[0]!.fail(new RelayError("headers_too_large", "Its headers exceed the connection's limit"));
  await settle();
  assert.deepEqual([test.buried.length, cancelled.length], [1, 1]);
});
