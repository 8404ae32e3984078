import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import { isStreamBody, type RelayRequest } from "../../shared/http/message.ts";
import { blocks, FakeTime, makeRequest, settle, streamOf } from "../../shared/protocol/testing.ts";
import { MemoryTransport } from "../transport/memory_transport.ts";
import { Dispatcher, type DispatchOptions } from "./dispatcher.ts";
import { NO_REMOTE_CONNECTIONS, type RemoteConnections } from "./remote_connections.ts";
import { ANSWER, FakeConnection, FakeConnections } from "./testing.ts";

const GRACE_MS = 5000;
const OPTIONS: DispatchOptions = { trace: false, expiresInMs: 60_000, requireActiveConnection: true };

/** A dispatcher for the tenant `t`, over a clock that the test moves. */
function setUp(
  { maxQueuedPerTenant = 10, connectorTransportShortcut = true, remote }: {
    readonly maxQueuedPerTenant?: number;
    readonly connectorTransportShortcut?: boolean;
    readonly remote?: Partial<RemoteConnections>;
  } = {},
) {
  const time = new FakeTime();
  const connections = new FakeConnections("t");
  const transport = new MemoryTransport({ originId: "here", maxQueuedPerTenant });
  const parts = { connections, queues: transport.queues, remote: { ...NO_REMOTE_CONNECTIONS, ...remote } };
  const dispatcher = new Dispatcher(parts, {
    originId: "here",
    connectionGraceMs: GRACE_MS,
    connectorTransportShortcut,
  });
  return {
    time,
    connections,
    transport,
    dispatcher,
    dispatch: (request: Partial<RelayRequest> = {}, options: Partial<DispatchOptions> = {}) =>
      dispatcher.dispatch("t", makeRequest(request), { ...OPTIONS, ...options }),
    [Symbol.dispose]() {
      dispatcher[Symbol.dispose]();
      time[Symbol.dispose]();
    },
  };
}

function redeliveredOf({ headers }: RelayRequest): string | undefined {
  return headerValue(headers, "relayserver-redelivered");
}

Deno.test("dispatch() hands a request to the connection that is picked, and says who answered", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const dispatch = test.dispatch({ requestId: "1" }, { trace: true });
  const [delivery] = connection.deliveries;
  assert.deepEqual(delivery!.options, { acknowledge: true, trace: true, expiresInMs: 60_000 });
  assert.deepEqual([delivery!.request.requestId, redeliveredOf(delivery!.request)], ["1", undefined]);
  delivery!.answer();
  const { deliveredAt, ...response } = await dispatch.response;
  assert.deepEqual(response, { ...ANSWER, connection });
  assert.equal(typeof deliveredAt, "number");
});

Deno.test("dispatch() fails at once when nobody is connected", async () => {
  using test = setUp();
  await assert.rejects(test.dispatch().response, { code: "connector_unavailable", retryAfterSeconds: 5 });
  assert.deepEqual([test.transport.queues.size, test.time.timers], [0, 0]);
});

Deno.test("dispatch() waits a grace for a tenant that was connected a moment ago", async () => {
  using test = setUp();
  test.connections.wasConnected = true;
  const dispatch = test.dispatch();
  test.time.pass(GRACE_MS - 1);
  assert.equal(test.transport.queues.size, 1);
  test.time.pass(1);
  await assert.rejects(dispatch.response, { code: "connector_unavailable" });
  assert.equal(test.transport.queues.size, 0);
});

Deno.test("dispatch() goes to a connection that comes within the grace, and stays there after it", async () => {
  using test = setUp();
  test.connections.wasConnected = true;
  const dispatch = test.dispatch();
  test.time.pass(GRACE_MS - 1);
  const connection = test.connections.connect();
  test.time.pass(GRACE_MS);
  connection.deliveries[0]!.answer();
  assert.equal((await dispatch.response).connection, connection);
});

Deno.test("dispatch() gives those that wait for room a grace when the last connection is lost", async () => {
  using test = setUp();
  const connection = test.connections.connect(1);
  const delivered = test.dispatch();
  connection.deliveries[0]!.isAcknowledged = true;
  const [waiting, patient] = [test.dispatch(), test.dispatch({}, { requireActiveConnection: false })];
  test.time.pass(10 * GRACE_MS);
  assert.equal(test.transport.queues.size, 2);
  test.connections.lose(connection);
  await assert.rejects(delivered.response, { code: "connector_lost" });
  test.time.pass(GRACE_MS);
  await assert.rejects(waiting.response, { code: "connector_unavailable" });
  assert.equal(test.transport.queues.size, 1);
  patient.cancel("expired");
});

Deno.test("dispatch() waits without end for a connection when none is required", async () => {
  using test = setUp();
  const dispatch = test.dispatch({}, { requireActiveConnection: false });
  assert.equal(test.time.timers, 0);
  test.time.pass(1000 * GRACE_MS);
  const connection = test.connections.connect();
  connection.deliveries[0]!.answer();
  assert.equal((await dispatch.response).status, ANSWER.status);
});

Deno.test("dispatch() keeps the order of those that wait for room, and exceeds no capacity", async () => {
  using test = setUp();
  const connection = test.connections.connect(2);
  const ids = ["1", "2", "3", "4", "5"];
  const responses = ids.map((requestId) => test.dispatch({ requestId }).response);
  for (let index = 0; index < ids.length; index++) {
    assert.equal(connection.deliveries.length, Math.min(index + 2, ids.length));
    connection.deliveries[index]!.answer();
    test.connections.changed();
  }
  await Promise.all(responses);
  assert.deepEqual(connection.deliveries.map(({ request }) => request.requestId), ids);
});

Deno.test("dispatch() fails with queue_full when too many wait, and a cancelled one makes room", async () => {
  using test = setUp({ maxQueuedPerTenant: 1 });
  test.connections.connect(0);
  const first = test.dispatch();
  await assert.rejects(test.dispatch().response, { code: "queue_full" });
  first.cancel("client_gone");
  const third = test.dispatch();
  await settle();
  assert.equal(test.transport.queues.size, 1);
  third.cancel("client_gone");
});

Deno.test("dispatch() gives a request that was lost before its receipt to another connection, and says so", async () => {
  using test = setUp();
  const [first, second] = [test.connections.connect(), test.connections.connect()];
  const dispatch = test.dispatch({ requestId: "1", body: new Uint8Array([1]) });
  test.connections.lose(first);
  await settle();
  const [{ request } = assert.fail("not repeated")] = second.deliveries;
  assert.deepEqual([request.requestId, redeliveredOf(request)], ["1", "1"]);
  assert.deepEqual(request.body, new Uint8Array([1]));
  second.deliveries[0]!.answer();
  assert.equal((await dispatch.response).connection, second);
});

Deno.test("dispatch() waits for a connection when the lost one was the only one", async () => {
  using test = setUp();
  const first = test.connections.connect();
  const { response } = test.dispatch();
  test.connections.lose(first);
  await settle();
  assert.equal(test.transport.queues.size, 1);
  const second = test.connections.connect();
  assert.equal(redeliveredOf(second.deliveries[0]!.request), "1");
  second.deliveries[0]!.answer();
  await response;
});

Deno.test("dispatch() does not repeat what was received, what streams, and what was refused", async () => {
  using test = setUp();
  const first = test.connections.connect();
  const second = test.connections.connect();
  const acknowledged = test.dispatch();
  first.deliveries[0]!.isAcknowledged = true;
  const streamed = test.dispatch({ body: streamOf(blocks(1)) });
  const refused = test.dispatch();
  first.deliveries[2]!.fail(new RelayError("target_unreachable", "No"));
  test.connections.lose(first);
  await assert.rejects(acknowledged.response, { code: "connector_lost" });
  await assert.rejects(streamed.response, { code: "connector_lost" });
  await assert.rejects(refused.response, { code: "target_unreachable" });
  await settle();
  assert.equal(second.deliveries.length, 0);
});

Deno.test("dispatch() gives a request up that ended five connections", async () => {
  using test = setUp();
  const all = Array.from({ length: 6 }, () => test.connections.connect());
  const dispatch = test.dispatch();
  for (const connection of all.slice(0, 5)) {
    test.connections.lose(connection);
    await settle();
  }
  await assert.rejects(dispatch.response, { code: "connector_lost" });
  assert.deepEqual(
    all.map(({ deliveries }) => deliveries.map(({ request }) => redeliveredOf(request))),
    [[undefined], ["1"], ["2"], ["3"], ["4"], []],
  );
});

Deno.test("cancel() takes a request that waits out of the queue", async () => {
  using test = setUp();
  test.connections.wasConnected = true;
  const [gone, expired] = [test.dispatch(), test.dispatch()];
  gone.cancel("client_gone");
  gone.cancel("expired");
  expired.cancel("expired");
  await assert.rejects(gone.response, { code: "client_gone" });
  await assert.rejects(expired.response, { code: "request_expired" });
  assert.deepEqual([test.transport.queues.size, test.time.timers], [0, 0]);
  assert.equal(test.connections.connect().deliveries.length, 0);
});

Deno.test("cancel() reaches the connector, before the response's head and after it", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const [running, answered] = [test.dispatch(), test.dispatch()];
  running.cancel("expired");
  await assert.rejects(running.response, { code: "request_expired" });
  connection.deliveries[1]!.answer();
  await answered.response;
  answered.cancel("client_gone");
  assert.deepEqual(connection.deliveries.map(({ cancelled }) => cancelled), [["expired"], ["client_gone"]]);
  assert.equal((await answered.response).status, ANSWER.status);
});

Deno.test("cancel() keeps a request from being repeated", async () => {
  using test = setUp();
  const [first, second] = [test.connections.connect(), test.connections.connect()];
  const dispatch = test.dispatch();
  test.connections.lose(first);
  dispatch.cancel("client_gone");
  await settle();
  await assert.rejects(dispatch.response, { code: "client_gone" });
  assert.deepEqual([second.deliveries.length, test.transport.queues.size], [0, 0]);
});

Deno.test("disposal ends those that wait, and leaves those that run", async () => {
  using test = setUp();
  const connection = test.connections.connect(1);
  const [running, waiting] = [test.dispatch(), test.dispatch()];
  test.dispatcher[Symbol.dispose]();
  await assert.rejects(waiting.response, { code: "draining", retryAfterSeconds: 1 });
  connection.deliveries[0]!.answer();
  await test.transport.queues.publish("t", { requestId: "of somebody else" });
  test.connections.changed();
  assert.equal((await running.response).status, ANSWER.status);
  assert.deepEqual([connection.deliveries.length, test.transport.queues.size, test.time.timers], [1, 1, 0]);
});

Deno.test("a waiting request that cannot be sent gives its place to the next one", async () => {
  using test = setUp();
  const connection = test.connections.connect(1);
  const deliver = connection.deliver.bind(connection);
  connection.deliver = (request, options) => {
    const delivery = deliver(request, options);
    // As a session does with a frame that is too large: it fails while it is being delivered.
    if (request.requestId === "2") {
      delivery.fail(new RelayError("headers_too_large", "too large"));
      test.connections.changed();
    }
    return delivery;
  };
  const dispatches = ["1", "2", "3"].map((requestId) => test.dispatch({ requestId }));
  connection.deliveries[0]!.answer();
  test.connections.changed();
  await assert.rejects(dispatches[1]!.response, { code: "headers_too_large" });
  assert.deepEqual(connection.deliveries.map(({ request }) => request.requestId), ["1", "2", "3"]);
});

Deno.test("disposal ends those as well whose connection is lost after it, without a grace", async () => {
  using test = setUp();
  const connection = test.connections.connect();
  const running = test.dispatch();
  test.dispatcher[Symbol.dispose]();
  test.connections.lose(connection);
  await assert.rejects(running.response, { code: "draining", retryAfterSeconds: 1 });
  assert.deepEqual([test.dispatcher.waiting, test.transport.queues.size, test.time.timers], [0, 0, 0]);
});

Deno.test("cancel() ends the body of a request that another origin has sent back and nobody has got since", async () => {
  const elsewhere = new FakeConnection(10, { isRemote: true });
  using test = setUp({ remote: { pick: () => elsewhere, isConnected: () => true } });
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: (reason) => void cancelled.push(reason),
  }, { highWaterMark: 0 });
  const dispatch = test.dispatch({ body: { stream } });
  const [delivery] = elsewhere.deliveries;
  const { body } = delivery!.request;
  assert.ok(isStreamBody(body));
  const reader = body.stream.getReader();
  await reader.read();
  delivery!.isRefused = true;
  await reader.cancel();
  delivery!.fail(new RelayError("overloaded", "No room here"));
  await settle();
  assert.deepEqual([test.dispatcher.waiting, cancelled.length], [1, 0]);
  dispatch.cancel("expired");
  await assert.rejects(dispatch.response, { code: "request_expired" });
  assert.equal(cancelled.length, 1);
});

Deno.test("dispatch() gives those that wait a grace when the last connection here is lost and the others cannot be reached", async () => {
  using test = setUp({ remote: { isConnected: () => true, isReachable: false } });
  const connection = test.connections.connect(1);
  const running = test.dispatch();
  connection.deliveries[0]!.isAcknowledged = true;
  const waiting = test.dispatch();
  test.connections.lose(connection);
  await assert.rejects(running.response, { code: "connector_lost" });
  test.time.pass(GRACE_MS);
  assert.equal(test.dispatcher.waiting, 0);
  await assert.rejects(waiting.response, { code: "transport_unavailable" });
});

Deno.test("dispatch() goes to a connection here while the others cannot be reached, also without the shortcut to it", async () => {
  using test = setUp({ connectorTransportShortcut: false, remote: { isReachable: false } });
  // As a broker that is away.
  test.transport.queues.publish = () => new Promise(() => {});
  const connection = test.connections.connect(1);
  const dispatches = ["1", "2"].map((requestId) => test.dispatch({ requestId }));
  assert.deepEqual(connection.deliveries.map(({ request }) => request.requestId), ["1"]);
  connection.deliveries[0]!.answer();
  test.connections.changed();
  connection.deliveries[1]!.answer();
  assert.equal((await dispatches[1]!.response).status, ANSWER.status);
});
