import assert from "node:assert/strict";
import { isStreamBody } from "../http/message.ts";
import type { IncomingRequest, TracedResponse } from "./exchange.ts";
import { CONNECTION_ID, FrameType } from "./frame.ts";
import { acceptSession, offerSession } from "./handshake.ts";
import { HostileFrames, Random } from "./hostile_frames.ts";
import { createMemoryPipes } from "./memory_pipe.ts";
import type { MessagePipe } from "./pipe.ts";
import { ProtocolError } from "./protocol_error.ts";
import type { Session } from "./session.ts";
import {
  blocks,
  connect,
  connectRaw,
  HELLO,
  makeRequest,
  type RawPipe,
  readAll,
  streamOf,
  turn,
  WELCOME,
} from "./testing.ts";
import { WINDOW_BUDGET_BYTES } from "./window.ts";

const FRAMES = 1_000_000;
/** Frames that one victim gets at most, so that there are fresh ones. */
const FRAMES_PER_VICTIM = 400;
/** Frames between two turns of the event loop. */
const FRAMES_PER_TURN = 100;
const FRAMES_PER_SAMPLE = FRAMES / 50;
/** What the heap may be larger at the end than at the start, in bytes; a leak of 100 bytes a frame would be 100 MB. */
const HEAP_TOLERANCE_BYTES = 24 * 1024 * 1024;
const SEED = Number(Deno.env.get("RELAY_TEST_SEED") ?? Date.now() % 2 ** 32);

interface Victim {
  readonly session: Session;
  readonly pipe: RawPipe;
}

function target(request: IncomingRequest): Promise<TracedResponse> {
  switch (request.requestId.length % 5) {
    case 0:
      return Promise.resolve({ status: 204, headers: [], body: null });
    case 1:
      return Promise.resolve({ status: 200, headers: [], body: request.body });
    case 2:
      return Promise.resolve({ status: 200, headers: [], body: streamOf(blocks(1000)) });
    case 3:
      return Promise.reject(new Error("no answer"));
    default:
      return new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
  }
}

function createConnector(random: Random): Victim {
  const behaviour = "r".repeat(random.below(5));
  return connectRaw({ request: (request) => target({ ...request, requestId: behaviour }) });
}

function createServer(random: Random): Victim {
  const victim = connectRaw();
  for (let index = random.below(4); index >= 0; index--) {
    const body = random.pick([null, streamOf(blocks(10)), streamOf(blocks(10), 655_360)]);
    victim.session.deliver(makeRequest({ body }), { acknowledge: true }).response.then(
      ({ body }) => isStreamBody(body) ? readAll(body) : undefined,
    ).catch(() => {});
  }
  return victim;
}

/** The ids of deliveries in frames that a session sent, besides some that it may not know. */
function idsOf({ pipe }: Victim): Uint8Array[] {
  const made = ["1", "2", "3"].map((digit) => Uint8Array.fromHex(digit.repeat(32)));
  const sent = pipe.sent.filter(([type]) => type === FrameType.request).map((message) => message.slice(2, 18));
  return [Uint8Array.fromHex(CONNECTION_ID), ...made, ...sent, ...sent, ...sent];
}

/** What two healthy sessions send each other. */
async function record(): Promise<Uint8Array[]> {
  const recorded: Uint8Array[] = [];
  const tap = (pipe: MessagePipe): MessagePipe => ({
    open: (receiver) => pipe.open(receiver),
    get bufferedAmount() {
      return pipe.bufferedAmount;
    },
    close: (code, reason) => pipe.close(code, reason),
    terminate: () => pipe.terminate(),
    send(message) {
      if (message.length < 2000) recorded.push(message.slice());
      pipe.send(message);
    },
  });
  const [left, right] = createMemoryPipes();
  const handlers = { request: target };
  const [{ session: server }] = await Promise.all([
    acceptSession(tap(right), { timeoutMs: 1000, welcome: () => WELCOME, handlers: {} }),
    offerSession(tap(left), { timeoutMs: 1000, hello: HELLO, handlers }),
  ]);
  for (let index = 0; index < 4; index++) {
    const request = makeRequest({ requestId: "r".repeat(index), method: "POST", body: streamOf(blocks(5, 500)) });
    const { response } = server.deliver(request, { acknowledge: true, trace: true });
    const body = await response.then(({ body }) => body, () => null);
    if (index === 2 && isStreamBody(body)) await body.stream.cancel();
    else await readAll(body);
  }
  server.deliver(makeRequest({ requestId: "rrrr" })).cancel("expired");
  server.drain("draining", "now");
  await server.ended;
  return recorded;
}

/** Checks that a session that was attacked ended for a reason that it may have, and holds nothing. */
async function checkEnd({ session, pipe }: Victim): Promise<void> {
  const { error } = await session.ended;
  if (error !== undefined) {
    assert.ok(error instanceof ProtocolError);
    assert.equal(pipe.closeCode, 4000);
  }
  assert.equal(session.inFlight, 0);
  assert.equal(session.isOpen, false);
}

async function attack(create: (random: Random) => Victim, seed: number): Promise<void> {
  const random = new Random(seed);
  const frames = new HostileFrames(random, await record());
  using healthy = await connect((request) => Promise.resolve({ status: 200, headers: [], body: request.body }));
  const heap: number[] = [];
  const ended: Victim[] = [];
  let victim = create(random);
  let ids = idsOf(victim);
  let victims = 1;
  let kills = 0;
  for (let index = 1, age = 1; index <= FRAMES / 2; index++, age++) {
    victim.pipe.arrive(frames.next(ids));
    if (victim.pipe.closeCode !== undefined || age >= FRAMES_PER_VICTIM) {
      if (victim.pipe.closeCode !== undefined) kills++;
      victim.session.close(1001, "next");
      ended.push(victim);
      victim = create(random);
      ids = idsOf(victim);
      victims++;
      age = 0;
    }
    if (index % FRAMES_PER_TURN === 0) await turn();
    if (index % FRAMES_PER_SAMPLE !== 0) continue;
    const { body } = await healthy.server.deliver(makeRequest({ method: "POST", body: streamOf(blocks(8)) })).response;
    assert.equal((await readAll(body)).length, 8 * 65_536);
    for (const over of ended) await checkEnd(over);
    for (const { session } of ended) assert.equal(session.freeWindowBytes, WINDOW_BUDGET_BYTES);
    ended.length = 0;
    const { heapUsed, external } = Deno.memoryUsage();
    heap.push(heapUsed + external);
  }
  victim.session.close(1001, "last");
  assert.ok(
    kills > 1000 && victims < FRAMES / 4,
    `${kills} of ${victims} sessions were ended: the attack is too weak or too crude`,
  );
  const lowest = (samples: number[]) => Math.min(...samples);
  const growth = lowest(heap.slice(-8)) - lowest(heap.slice(4, 12));
  assert.ok(
    growth < HEAP_TOLERANCE_BYTES,
    `The heap grew by ${growth} bytes: ${heap.map((bytes) => Math.round(bytes / 1e6))}`,
  );
}

for (const [name, create] of [["connector", createConnector], ["server", createServer]] as const) {
  Deno.test(`a ${name} survives ${FRAMES / 2} hostile frames, and so do its neighbours (RELAY_TEST_SEED=${SEED})`, async () => {
    await attack(create, SEED);
  });
}
