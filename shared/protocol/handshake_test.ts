import assert from "node:assert/strict";
import { encodeFrame, parseHead } from "./codec.ts";
import type { IncomingRequest } from "./exchange.ts";
import { CloseCode, CONNECTION_ID, FrameType } from "./frame.ts";
import { type AcceptOptions, acceptSession, type OfferOptions, offerSession } from "./handshake.ts";
import { createMemoryPipes } from "./memory_pipe.ts";
import { FakeTime, HELLO, RawPipe, SETTINGS, turn, WELCOME } from "./testing.ts";

const OFFER: OfferOptions = { hello: HELLO, timeoutMs: 1000, handlers: { request: () => new Promise(() => {}) } };
const ACCEPT: AcceptOptions = { welcome: () => WELCOME, timeoutMs: 1000, handlers: {} };
const SIDES = {
  offerSession: (pipe: RawPipe, options: { signal?: AbortSignal } = {}) => offerSession(pipe, { ...OFFER, ...options }),
  acceptSession: (pipe: RawPipe, options: { signal?: AbortSignal } = {}) =>
    acceptSession(pipe, { ...ACCEPT, ...options }),
};

const WELCOME_FRAME = encodeFrame(FrameType.welcome, CONNECTION_ID, { head: { ...WELCOME, version: 1 } });
const HELLO_FRAME = encodeFrame(FrameType.hello, CONNECTION_ID, { head: { ...HELLO, versions: [1] } });

function frame(type: number, head: unknown): Uint8Array {
  return encodeFrame(type, CONNECTION_ID, { head });
}

/** The code of the error frame that was sent last. */
function saidError(pipe: RawPipe): unknown {
  const last = pipe.frames.at(-1);
  assert.equal(last?.type, FrameType.error);
  assert.equal(last.id, CONNECTION_ID);
  return parseHead(last)["code"];
}

Deno.test("offerSession() and acceptSession() tell each other who they are", async () => {
  const [left, right] = createMemoryPipes();
  const [offered, accepted] = await Promise.all([offerSession(left, OFFER), acceptSession(right, ACCEPT)]);
  assert.deepEqual(accepted.hello, { ...HELLO, versions: [1] });
  assert.deepEqual(offered.welcome, { ...WELCOME, version: 1 });
  offered.session.close(1000, "");
  assert.equal((await accepted.session.ended).code, 1000);
});

for (const [name, start] of Object.entries(SIDES)) {
  Deno.test(`${name}() rejects and closes when the other side says nothing in time`, async () => {
    using time = new FakeTime();
    const pipe = new RawPipe();
    const result = start(pipe);
    time.pass(999);
    assert.equal(pipe.closeCode, undefined);
    time.pass(1);
    await assert.rejects(result, { name: "ProtocolError", code: "handshake_timeout" });
    assert.equal(pipe.closeCode, CloseCode.protocolError);
    assert.equal(saidError(pipe), "handshake_timeout");
    assert.equal(time.timers, 0);
  });

  Deno.test(`${name}() rejects when the pipe is closed in the middle, and leaves no timer`, async () => {
    using time = new FakeTime();
    const pipe = new RawPipe();
    const result = start(pipe);
    pipe.close(1001, "restart");
    await assert.rejects(result, { message: "The connection was closed during the handshake: 1001 restart" });
    assert.equal(time.timers, 0);
  });

  Deno.test(`${name}() drops the pipe when its signal is aborted, before or during`, async () => {
    using time = new FakeTime();
    for (const isAbortedBefore of [true, false]) {
      const abort = new AbortController();
      if (isAbortedBefore) abort.abort(new Error("stop"));
      const pipe = new RawPipe();
      const result = start(pipe, { signal: abort.signal });
      abort.abort(new Error("stop"));
      await assert.rejects(result, { message: "stop" });
      assert.equal(pipe.closeCode, 1006);
    }
    assert.equal(time.timers, 0);
  });

  Deno.test(`${name}() ignores what comes after it has failed`, async () => {
    const pipe = new RawPipe();
    const result = start(pipe);
    pipe.arrive(new Uint8Array(3));
    const sent = pipe.sent.length;
    pipe.arrive(name === "offerSession" ? WELCOME_FRAME : HELLO_FRAME);
    await assert.rejects(result, { code: "malformed_frame" });
    assert.equal(pipe.sent.length, sent);
  });

  for (
    const [what, message, code] of [
      ["garbage", new Uint8Array([1, 2, 3]), "malformed_frame"],
      ["another frame", frame(FrameType.ping, {}), "unexpected_frame"],
      ["its own frame", name === "offerSession" ? HELLO_FRAME : WELCOME_FRAME, "unexpected_frame"],
      ["an unknown frame", frame(200, {}), "unexpected_frame"],
      ["no head", frame(name === "offerSession" ? 2 : 1, undefined), "malformed_head"],
      ["an empty head", frame(name === "offerSession" ? 2 : 1, {}), "malformed_head"],
      ["a head that is a list", frame(name === "offerSession" ? 2 : 1, []), "malformed_head"],
    ] as const
  ) {
    Deno.test(`${name}() refuses ${what} as the first frame`, async () => {
      const pipe = new RawPipe();
      const result = start(pipe);
      pipe.arrive(message);
      await assert.rejects(result, { name: "ProtocolError", code });
      assert.equal(pipe.closeCode, CloseCode.protocolError);
      assert.equal(saidError(pipe), code);
    });
  }
}

for (
  const [what, change] of [
    ["no versions", { versions: [] }],
    ["versions that are no numbers", { versions: ["1"] }],
    ["a frame limit below 256 KiB", { limits: { maxMessageBytes: 262_143 } }],
    ["a frame limit that is no number", { limits: { maxMessageBytes: "1000000" } }],
    ["targets that are no list", { targets: "t" }],
    ["ten thousand and one targets", { targets: Array<string>(10_001).fill("t") }],
    ["a machine name of 1025 characters", { connector: { version: "1", machineName: "x".repeat(1025) } }],
  ] as const
) {
  Deno.test(`acceptSession() refuses a hello with ${what}`, async () => {
    const pipe = new RawPipe();
    const result = acceptSession(pipe, ACCEPT);
    pipe.arrive(frame(FrameType.hello, { ...HELLO, versions: [1], ...change }));
    await assert.rejects(result, { code: "malformed_head" });
    assert.equal(pipe.closeCode, CloseCode.protocolError);
  });
}

Deno.test("acceptSession() takes unknown members and newer versions beside its own", async () => {
  const pipe = new RawPipe();
  const result = acceptSession(pipe, ACCEPT);
  pipe.arrive(frame(FrameType.hello, { ...HELLO, versions: [7, 1, 2], news: { a: [1] } }));
  const { session } = await result;
  assert.equal(parseHead(pipe.frames[0]!)["version"], 1);
  session.close(1000, "");
});

Deno.test("acceptSession() refuses a connector without a common version, says which it speaks and closes with 4002", async () => {
  const pipe = new RawPipe();
  const result = acceptSession(pipe, ACCEPT);
  pipe.arrive(frame(FrameType.hello, { ...HELLO, versions: [2, 3] }));
  await assert.rejects(result, { code: "version_unsupported", message: /version 1/ });
  assert.equal(pipe.closeCode, CloseCode.versionUnsupported);
  assert.match(String(parseHead(pipe.frames.at(-1)!)["message"]), /version 1/);
});

Deno.test("offerSession() refuses a server that chose a version it does not speak", async () => {
  const pipe = new RawPipe();
  const result = offerSession(pipe, OFFER);
  pipe.arrive(frame(FrameType.welcome, { ...WELCOME, version: 2 }));
  await assert.rejects(result, { code: "version_unsupported" });
  assert.equal(pipe.closeCode, CloseCode.versionUnsupported);
});

Deno.test("offerSession() learns from the server's error why it was refused", async () => {
  for (const code of ["version_unsupported", "unexpected_frame"]) {
    const pipe = new RawPipe();
    const result = offerSession(pipe, OFFER);
    pipe.arrive(frame(FrameType.error, { code, message: "This server speaks protocol version 9" }));
    await assert.rejects(result, { code, message: /protocol version 9/ });
  }
});

Deno.test("acceptSession() closes when the welcome cannot be made", async () => {
  const pipe = new RawPipe();
  const cause = new Error("no settings");
  const result = acceptSession(pipe, {
    ...ACCEPT,
    welcome: () => {
      throw cause;
    },
  });
  pipe.arrive(HELLO_FRAME);
  await assert.rejects(result, { name: "ProtocolError", cause });
  assert.equal(pipe.closeCode, CloseCode.protocolError);
});

Deno.test("a session misses nothing that arrives right behind the handshake, in the same turn", async () => {
  const requests: IncomingRequest[] = [];
  const pipe = new RawPipe();
  const request = (request: IncomingRequest) => {
    requests.push(request);
    return Promise.resolve({ status: 204, headers: [], body: null });
  };
  const result = offerSession(pipe, { ...OFFER, handlers: { request } });
  pipe.arrive(WELCOME_FRAME);
  const head = { requestId: "r", method: "GET", target: "t", path: "/", headers: [] };
  for (let index = 1; index <= 3; index++) {
    pipe.arriveFrame(FrameType.request, String(index).padStart(32, "0"), { head });
  }
  const { session } = await result;
  await turn();
  assert.equal(requests.length, 3);
  assert.deepEqual(pipe.frames.map(({ type }) => type), [FrameType.hello, 6, 6, 6]);
  session.close(1000, "");
});

Deno.test("acceptSession() lets the connector drain right behind its hello", async () => {
  const goAways: string[] = [];
  const pipe = new RawPipe();
  const result = acceptSession(pipe, { ...ACCEPT, handlers: { goAway: (reason) => void goAways.push(reason) } });
  pipe.arrive(HELLO_FRAME);
  pipe.arriveFrame(FrameType.goAway, CONNECTION_ID, { head: { reason: "shutdown", reconnect: "later" } });
  const { session } = await result;
  assert.deepEqual(goAways, ["shutdown"]);
  assert.equal(session.isOpen, false);
  session.close(1000, "");
});

Deno.test("a pipe that closes right behind the welcome ends the session, not the handshake", async () => {
  const [left, right] = createMemoryPipes();
  const offered = offerSession(left, OFFER);
  const accepted = acceptSession(right, ACCEPT);
  accepted.then(({ session }) => session.close(1001, "restart"));
  const { session } = await offered;
  assert.deepEqual(await session.ended, { code: 1001, reason: "restart" });
  assert.equal(session.isOpen, false);
});

Deno.test("the server's first ping follows its welcome", async () => {
  const pipe = new RawPipe();
  const result = acceptSession(pipe, { ...ACCEPT, welcome: () => ({ ...WELCOME, settings: SETTINGS }) });
  pipe.arrive(HELLO_FRAME);
  assert.deepEqual(pipe.sent.map((message) => message[0]), [FrameType.welcome, FrameType.ping]);
  (await result).session.close(1000, "");
});

Deno.test("a handshake listens to its signal no longer than it lasts", async () => {
  const abort = new AbortController();
  const pipe = new RawPipe();
  const result = acceptSession(pipe, { ...ACCEPT, signal: abort.signal });
  pipe.arrive(HELLO_FRAME);
  const { session } = await result;
  abort.abort(new Error("late"));
  assert.equal(pipe.closeCode, undefined);
  assert.equal(session.isOpen, true);
  session.close(1000, "");
});
