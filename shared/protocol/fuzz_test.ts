import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import v8 from "node:v8";
import vm from "node:vm";
import { isStreamBody } from "../http/message.ts";
import type { IncomingRequest, TracedResponse } from "./exchange.ts";
import { CONNECTION_ID, FLAG_MORE, FrameType } from "./frame.ts";
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
  WELCOME,
} from "./testing.ts";
import { WINDOW_BUDGET_BYTES } from "./window.ts";

const FRAMES = 1_000_000;
/** Frames that one victim gets at most, so that there are fresh ones. */
const FRAMES_PER_VICTIM = 400;
/** Frames between two turns of the event loop. */
const FRAMES_PER_TURN = 50;
const FRAMES_PER_SAMPLE = FRAMES / 20;
/** What the heap may be larger at the end than at the start, in bytes: less than 10 bytes a frame. */
const HEAP_TOLERANCE_BYTES = 4 * 1024 * 1024;
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
      return Promise.resolve({ status: 200, headers: [], body: streamOf(blocks(5, 50)) });
    case 3:
      return Promise.reject(new Error("no answer"));
    default:
      return new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
  }
}

/** Types that a server sends, the cheap ones more often. */
const SERVER_TYPES = [4, 5, 5, 5, 9, 13, 14, ...Array.from({ length: 6 }, () => [7, 7, 8, 11, 12, 99]).flat()];
/** Types that a connector sends, the cheap ones more often. */
const CONNECTOR_TYPES = [3, 6, 6, 9, 10, 10, 13, 14, ...Array.from({ length: 6 }, () => [7, 7, 8, 11, 12, 99]).flat()];

/** Who is attacked. */
interface Role {
  readonly peerTypes: readonly number[];
  create(random: Random): Victim;
  /** Gives a victim something to be attacked at. */
  refresh(victim: Victim, random: Random): void;
}

const CONNECTOR: Role = {
  peerTypes: SERVER_TYPES,
  create(random) {
    const behaviour = "r".repeat(random.below(5));
    return connectRaw({ request: (request) => target({ ...request, requestId: behaviour }) });
  },
  refresh() {},
};

const SERVER: Role = {
  peerTypes: CONNECTOR_TYPES,
  create: () => connectRaw(),
  refresh({ session, pipe }, random) {
    if (session.inFlight >= 3) return;
    const body = random.pick([null, null, streamOf(blocks(10, 50)), streamOf(blocks(10, 50), 500)]);
    const { response } = session.deliver(makeRequest({ body }), { acknowledge: true });
    response.then(({ body }) => isStreamBody(body) ? body.stream.pipeTo(new WritableStream()) : undefined)
      .catch(() => {});
    // Most have their head, so that data is not the end at once.
    const request = pipe.sent.findLast(([type]) => type === FrameType.request)!;
    const content = { head: { status: 200, headers: [] }, flags: FLAG_MORE };
    if (random.below(8) > 0) pipe.arriveFrame(FrameType.response, request.subarray(2, 18).toHex(), content);
  },
};

/** The ids of deliveries in frames that a session sent or received lately, besides some that it does not know. */
function idsOf({ pipe }: Victim, received: readonly Uint8Array[]): Uint8Array[] {
  const sent = pipe.sent.filter(([type]) => type === FrameType.request);
  const lately = [...sent, ...received].map((message) => message.slice(2, 18));
  return [Uint8Array.fromHex(CONNECTION_ID), Uint8Array.fromHex("1".repeat(32)), ...lately, ...lately];
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
  if (pipe.closeCode === 1001) assert.equal(error, undefined);
  else {
    assert.equal(pipe.closeCode, 4000);
    assert.ok(error instanceof ProtocolError);
    // Nothing but a mistake in this code ends up there.
    assert.notEqual(error.message, "Cannot handle frame", String(error.cause));
  }
  assert.equal(session.inFlight, 0);
  assert.equal(session.freeWindowBytes, WINDOW_BUDGET_BYTES);
}

const collectGarbage: () => void = (() => {
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc");
})();

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** One attack after another, each on a fresh victim. */
async function attack(role: Role, seed: number): Promise<void> {
  const random = new Random(seed);
  const frames = new HostileFrames(random, role.peerTypes, await record());
  using healthy = await connect((request) => Promise.resolve({ status: 200, headers: [], body: request.body }));
  let usedAtFirstBytes: number | undefined;
  let over: Victim[] = [];
  let kills = 0;
  for (let sent = 0, nextSample = FRAMES_PER_SAMPLE; sent < FRAMES / 2;) {
    const victim = role.create(random);
    sent += await attackOne(role, victim, frames, random);
    if (victim.pipe.closeCode !== undefined) kills++;
    victim.session.close(1001, "next");
    over.push(victim);
    if (sent < nextSample) continue;
    nextSample = sent + FRAMES_PER_SAMPLE;
    const { response } = healthy.server.deliver(makeRequest({ method: "POST", body: streamOf(blocks(8)) }));
    assert.equal((await readAll((await response).body)).length, 8 * 65_536);
    for (const victim of over) await checkEnd(victim);
    over = [];
    usedAtFirstBytes ??= usedBytes();
  }
  assert.ok(kills > 1000 && kills < FRAMES / 10, `${kills} sessions were ended: the attack is too weak or too crude`);
  const growthBytes = usedBytes() - usedAtFirstBytes!;
  assert.ok(growthBytes < HEAP_TOLERANCE_BYTES, `The heap grew by ${growthBytes} bytes`);
}

/** Attacks until the victim ends or has had enough. Returns how many frames that took. */
async function attackOne(role: Role, victim: Victim, frames: HostileFrames, random: Random): Promise<number> {
  const received: Uint8Array[] = [];
  for (let count = 0; count < FRAMES_PER_VICTIM;) {
    role.refresh(victim, random);
    const ids = idsOf(victim, received);
    victim.pipe.sent.length = 0;
    for (let index = 0; index < FRAMES_PER_TURN; index++) {
      const frame = frames.next(ids);
      victim.pipe.arrive(frame);
      count++;
      if (victim.pipe.closeCode !== undefined) return count;
      if (frame[0] === FrameType.request && received.length < 3) received.push(frame);
    }
    await setImmediate();
  }
  return FRAMES_PER_VICTIM;
}

for (const [name, role] of [["connector", CONNECTOR], ["server", SERVER]] as const) {
  Deno.test(`a ${name} survives ${FRAMES / 2} hostile frames, and so do its neighbours (RELAY_TEST_SEED=${SEED})`, async () => {
    await attack(role, SEED);
  });
}
