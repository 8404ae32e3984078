import assert from "node:assert/strict";
import { RelayError } from "../errors/relay_error.ts";
import { isStreamBody, type StreamBody } from "../http/message.ts";
import type { Delivery, IncomingRequest, TracedResponse } from "./exchange.ts";
import { CONNECTION_ID, FLAG_MORE, FrameType } from "./frame.ts";
import {
  blocks,
  connect,
  connectRaw,
  FakeTime,
  makeRequest,
  type Pair,
  readAll,
  SETTINGS,
  streamOf,
  turn,
} from "./testing.ts";
import { WINDOW_BUDGET_BYTES } from "./window.ts";

/** What the target does, by the number in the request's path. */
const TARGETS: readonly ((request: IncomingRequest) => Promise<TracedResponse>)[] = [
  () => Promise.resolve({ status: 204, headers: [], body: null }),
  async (request) => ({ status: 200, headers: [], body: await readAll(request.body) }),
  (request) => Promise.resolve({ status: 200, headers: [], body: request.body }),
  () => Promise.resolve({ status: 200, headers: [], body: streamOf(blocks(12)) }),
  () => Promise.resolve({ status: 200, headers: [], body: streamOf(blocks(12), 12 * 65_536) }),
  () => Promise.resolve({ status: 200, headers: [], body: streamOf(broken()) }),
  () => Promise.resolve({ status: 200, headers: [], body: streamOf(blocks(1), 1) }),
  () => Promise.resolve({ status: 999, headers: [], body: streamOf(blocks(1)) }),
  () => Promise.reject(new RelayError("target_timeout", "No answer in time")),
  () => Promise.reject(new Error("unexpected")),
  async (request) => {
    if (isStreamBody(request.body)) await request.body.stream.cancel();
    return { status: 200, headers: [], body: streamOf(blocks(3)) };
  },
  (request) =>
    new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason))),
];

/** What the client does with the response. */
const CLIENTS: readonly ((delivery: Delivery) => Promise<unknown>)[] = [
  async ({ response }) => await readAll((await response).body),
  async ({ response }) => {
    const { body } = await response;
    if (isStreamBody(body)) await body.stream.cancel();
  },
  async ({ response }) => {
    const { body } = await response;
    if (!isStreamBody(body)) return;
    const reader = body.stream.getReader();
    await reader.read();
    await reader.cancel();
  },
  async (delivery) => {
    const { body } = await delivery.response;
    delivery.cancel("client_gone");
    if (isStreamBody(body)) await body.stream.cancel().catch(() => {});
  },
  async (delivery) => {
    delivery.cancel("expired");
    await delivery.response;
  },
  async (delivery) => {
    await turn();
    delivery.cancel("client_gone");
    const { body } = await delivery.response;
    if (isStreamBody(body)) await body.stream.cancel().catch(() => {});
  },
];

function* broken() {
  yield* blocks(2);
  throw new Error("target died");
}

function bodyOf(index: number): StreamBody | Uint8Array | null {
  switch (index % 5) {
    case 0:
      return null;
    case 1:
      return new Uint8Array(100);
    case 2:
      return streamOf(blocks(6));
    case 3:
      return streamOf(blocks(6), 6 * 65_536);
    default:
      return streamOf(broken());
  }
}

function connectMixed(): Promise<Pair> {
  return connect((request) => TARGETS[Number(request.path.slice(1))]!(request));
}

Deno.test("a thousand mixed exchanges with cancels leave nothing behind", async () => {
  using pair = await connectMixed();
  let stuck = 0;
  const run = async (index: number) => {
    const target = index % TARGETS.length;
    const client = CLIENTS[index % CLIENTS.length]!;
    const request = makeRequest({ method: "POST", path: `/${target}`, body: bodyOf(index) });
    const delivery = pair.server.deliver(request, { acknowledge: index % 2 === 0 });
    stuck++;
    // A target that waits for its client needs one that leaves.
    if (target === TARGETS.length - 1) delivery.cancel("client_gone");
    await client(delivery).catch((error: unknown) => assert.ok(error instanceof RelayError, String(error)));
    stuck--;
  };
  for (let from = 0; from < 1000; from += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, index) => run(from + index * 7)));
  }
  for (let index = 0; index < 50 && pair.connector.inFlight > 0; index++) await turn();
  assert.equal(stuck, 0);
  assert.equal(pair.server.inFlight, 0);
  assert.equal(pair.connector.inFlight, 0);
  assert.equal(pair.server.freeWindowBytes, WINDOW_BUDGET_BYTES);
  assert.equal(pair.connector.freeWindowBytes, WINDOW_BUDGET_BYTES);
  assert.ok(pair.server.isOpen && pair.connector.isOpen);
});

Deno.test("a connection that ends amid a hundred exchanges leaves nothing behind on either side", async () => {
  for (const side of ["server", "connector"] as const) {
    using pair = await connectMixed();
    const deliveries = Array.from({ length: 100 }, (_, index) => {
      const path = `/${index % TARGETS.length}`;
      return pair.server.deliver(makeRequest({ method: "POST", path, body: bodyOf(index) }));
    });
    await turn();
    pair[side].close(1001, "cut");
    for (const { response } of deliveries) {
      const body = await response.then(({ body }) => body, () => null);
      if (isStreamBody(body)) await body.stream.cancel().catch(() => {});
    }
    await Promise.all([pair.server.ended, pair.connector.ended]);
    for (const session of [pair.server, pair.connector]) {
      assert.equal(session.inFlight, 0);
      assert.equal(session.freeWindowBytes, WINDOW_BUDGET_BYTES);
    }
  }
});

Deno.test("a connection that ends while a response is being sent cancels its body", async () => {
  const cancelled = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
  using raw = connectRaw({ request: () => Promise.resolve({ status: 200, headers: [], body: { stream } }) });
  const head = { requestId: "r", method: "GET", target: "t", path: "/", headers: [] };
  raw.pipe.bufferedAmount = 65 * 1024 * 1024;
  raw.pipe.arriveFrame(FrameType.request, "1".repeat(32), { head });
  await cancelled.promise;
  assert.equal((await raw.session.ended).error?.code, "flow_control");
});

Deno.test("a connection that ends while a request is being sent leaves its body to another delivery", async () => {
  using raw = connectRaw();
  raw.pipe.bufferedAmount = 65 * 1024 * 1024;
  const body = streamOf(blocks(1));
  await assert.rejects(raw.session.deliver(makeRequest({ body })).response, { code: "connector_lost" });
  assert.equal((await readAll(body)).length, 65_536);
});

Deno.test("a session that has ended leaves no timer", async () => {
  using time = new FakeTime();
  const raw = connectRaw({ request: () => new Promise(() => {}) });
  const head = { requestId: "r", method: "GET", target: "t", path: "/", headers: [], acknowledge: true };
  raw.pipe.arriveFrame(FrameType.request, "1".repeat(32), { head });
  assert.equal(time.timers, 2);
  raw.session.close(1000, "");
  raw.session.configure(SETTINGS);
  raw.session.drain("draining", "now");
  raw.session.authenticate("token");
  await assert.rejects(raw.session.deliver(makeRequest()).response, { code: "connector_lost" });
  assert.equal(time.timers, 0);
});

Deno.test("an acknowledgement is not sent after the response it belongs to", async () => {
  using time = new FakeTime();
  using raw = connectRaw({
    request: () => Promise.resolve({ status: 200, headers: [], body: streamOf(blocks(100)) }),
  });
  const head = { requestId: "r", method: "POST", target: "t", path: "/", headers: [], acknowledge: true };
  raw.pipe.arriveFrame(FrameType.request, "1".repeat(32), { head });
  raw.pipe.arriveFrame(FrameType.request, "2".repeat(32), { head, flags: FLAG_MORE });
  for (let index = 0; index < 100; index++) await Promise.resolve();
  raw.pipe.arriveFrame(FrameType.data, "2".repeat(32));
  time.pass(1000);
  assert.ok(raw.pipe.frames.some(({ type }) => type === FrameType.response));
  assert.ok(raw.pipe.frames.every(({ type }) => type !== FrameType.acknowledge));
});

Deno.test("configure() on a quiet connection does not take the peer for dead", () => {
  using time = new FakeTime();
  using raw = connectRaw();
  raw.pipe.arriveFrame(FrameType.pong, CONNECTION_ID);
  time.pass(SETTINGS.keepAliveIntervalMs / 2 - 1);
  raw.session.configure({ ...SETTINGS, keepAliveIntervalMs: 1000 });
  time.pass(999);
  assert.ok(raw.session.isOpen);
  time.pass(1);
  assert.ok(!raw.session.isOpen);
});
