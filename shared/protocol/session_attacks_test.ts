import assert from "node:assert/strict";
import { isStreamBody } from "../http/message.ts";
import { encodeCredit, encodeFrame, type FrameContent, parseHead } from "./codec.ts";
import { CloseCode, CONNECTION_ID, FLAG_MORE, FRAME_HEADER_BYTES, FrameType } from "./frame.ts";
import type { ProtocolErrorCode } from "./protocol_error.ts";
import { blocks, connectRaw, LIMITS, makeRequest, readAll, streamOf, turn } from "./testing.ts";
import { FIRST_WINDOW_BYTES, START_WINDOW_BYTES } from "./window.ts";

const ID = "1".repeat(32);
const REQUEST = { requestId: "r", method: "POST", target: "t", path: "/", headers: [] };
const RESPONSE = { status: 200, headers: [] };
const MORE = FLAG_MORE;

type Raw = ReturnType<typeof connectRaw>;
type Attack = readonly [type: number, id: string, content?: FrameContent];

/** Checks that the session has ended with this protocol error, and told its peer. */
async function endedWith({ session, pipe }: Raw, code: ProtocolErrorCode): Promise<void> {
  const end = await session.ended;
  assert.equal(end.error?.name, "ProtocolError");
  assert.equal(end.error.code, code, end.error.message);
  assert.deepEqual([end.code, end.reason], [CloseCode.protocolError, code]);
  assert.equal(pipe.closeCode, CloseCode.protocolError);
  const last = pipe.frames.at(-1)!;
  assert.equal(last.type, FrameType.error);
  assert.equal(parseHead(last)["code"], code);
  assert.equal(session.inFlight, 0);
}

/** A server with one delivery under way. */
function serverWithDelivery(body: Parameters<typeof makeRequest>[0] = {}) {
  const raw = connectRaw();
  const delivery = raw.session.deliver(makeRequest(body));
  return { ...raw, delivery, id: raw.pipe.frames.at(-1)!.id };
}

/** A connector whose target never answers. */
function connectorThatWaits(): Raw {
  return connectRaw({ request: () => new Promise(() => {}) });
}

const AGAINST_SERVER: readonly (readonly [name: string, code: ProtocolErrorCode, (id: string) => readonly Attack[]])[] =
  [
    ["data before the response", "unexpected_frame", (id) => [[FrameType.data, id, { payload: new Uint8Array(1) }]]],
    ["a second response", "unexpected_frame", (id) => [
      [FrameType.response, id, { head: RESPONSE, flags: MORE }],
      [FrameType.response, id, { head: RESPONSE }],
    ]],
    ["a request from the connector", "unexpected_frame", () => [[FrameType.request, ID, { head: REQUEST }]]],
    ["settings from the connector", "unexpected_frame", () => [[FrameType.configure, CONNECTION_ID, { head: {} }]]],
    ["a second hello", "unexpected_frame", () => [[FrameType.hello, CONNECTION_ID, { head: {} }]]],
    ["a response beyond the credit", "flow_control", (id) => [
      [FrameType.response, id, { head: RESPONSE, flags: MORE, payload: new Uint8Array(START_WINDOW_BYTES) }],
      [FrameType.data, id, { flags: MORE, payload: new Uint8Array(1) }],
    ]],
    ["a first frame beyond the credit", "flow_control", (id) => [
      [FrameType.response, id, { head: RESPONSE, flags: MORE, payload: new Uint8Array(START_WINDOW_BYTES + 1) }],
    ]],
    ["a body longer than its length", "body_length", (id) => [
      [FrameType.response, id, { head: { ...RESPONSE, length: 5 }, flags: MORE }],
      [FrameType.data, id, { flags: MORE, payload: new Uint8Array(6) }],
    ]],
    ["a body shorter than its length", "body_length", (id) => [
      [FrameType.response, id, { head: { ...RESPONSE, length: 5 }, flags: MORE }],
      [FrameType.data, id, { payload: new Uint8Array(4) }],
    ]],
    ["credit of 3 bytes", "malformed_frame", (id) => [[FrameType.credit, id, { payload: new Uint8Array(3) }]]],
    ["an acknowledgement of 15 bytes", "malformed_frame", () => [
      [FrameType.acknowledge, CONNECTION_ID, { payload: new Uint8Array(15) }],
    ]],
    ["an acknowledgement of nothing", "malformed_frame", () => [[FrameType.acknowledge, CONNECTION_ID]]],
    ["a ping of 65 bytes", "malformed_frame", () => [[FrameType.ping, CONNECTION_ID, { payload: new Uint8Array(65) }]]],
    ["a head that is a list", "malformed_head", (id) => [[FrameType.response, id, { head: [] }]]],
    ["a head that is null", "malformed_head", (id) => [[FrameType.response, id, { head: null }]]],
    ["no head", "malformed_head", (id) => [[FrameType.response, id]]],
    ["a token that is none", "malformed_head", () => [[FrameType.authenticate, CONNECTION_ID, { head: { token: 1 } }]]],
    ["a status of 101", "malformed_head", (id) => [[FrameType.response, id, { head: { ...RESPONSE, status: 101 } }]]],
  ];

for (const [name, code, attack] of AGAINST_SERVER) {
  Deno.test(`a server ends the connection with ${code} after ${name}`, async () => {
    const raw = serverWithDelivery({ method: "POST", body: streamOf(blocks(100)) });
    for (const [type, id, content] of attack(raw.id)) {
      assert.equal(raw.pipe.closeCode, undefined);
      raw.pipe.arriveFrame(type, id, content);
    }
    await endedWith(raw, code);
    await raw.delivery.response.then(({ body }) => assert.rejects(readAll(body)), () => {});
  });
}

const AGAINST_CONNECTOR: readonly (readonly [name: string, code: ProtocolErrorCode, readonly Attack[]])[] = [
  ["the same delivery twice", "unexpected_frame", [
    [FrameType.request, ID, { head: REQUEST }],
    [FrameType.request, ID, { head: REQUEST }],
  ]],
  ["a request with the delivery id zero", "unexpected_frame", [[FrameType.request, CONNECTION_ID, { head: REQUEST }]]],
  ["data for a request without more body", "unexpected_frame", [
    [FrameType.request, ID, { head: REQUEST }],
    [FrameType.data, ID, { payload: new Uint8Array(1) }],
  ]],
  ["data behind the end of a body", "unexpected_frame", [
    [FrameType.request, ID, { head: REQUEST, flags: MORE }],
    [FrameType.data, ID],
    [FrameType.data, ID],
  ]],
  ["a response from the server", "unexpected_frame", [
    [FrameType.request, ID, { head: REQUEST }],
    [FrameType.response, ID, { head: RESPONSE }],
  ]],
  ["a token from the server", "unexpected_frame", [[FrameType.authenticate, CONNECTION_ID, { head: { token: "t" } }]]],
  ["a request's body beyond the credit", "flow_control", [
    [FrameType.request, ID, { head: REQUEST, flags: MORE, payload: new Uint8Array(START_WINDOW_BYTES) }],
    [FrameType.data, ID, { flags: MORE, payload: new Uint8Array(1) }],
  ]],
  ["a request's body longer than its length", "body_length", [
    [FrameType.request, ID, { head: { ...REQUEST, length: 1 }, flags: MORE, payload: new Uint8Array(2) }],
  ]],
  ["settings that are none", "malformed_head", [[FrameType.configure, CONNECTION_ID, { head: {} }]]],
  ["a head with a length below zero", "malformed_head", [[FrameType.request, ID, {
    head: { ...REQUEST, length: -1 },
  }]]],
];

for (const [name, code, attack] of AGAINST_CONNECTOR) {
  Deno.test(`a connector ends the connection with ${code} after ${name}`, async () => {
    const raw = connectorThatWaits();
    for (const [type, id, content] of attack) {
      assert.equal(raw.pipe.closeCode, undefined);
      raw.pipe.arriveFrame(type, id, content);
    }
    await endedWith(raw, code);
  });
}

Deno.test("frames of unknown deliveries and of unknown types are dropped", () => {
  using raw = serverWithDelivery();
  const before = raw.pipe.sent.length;
  for (
    const type of [FrameType.response, FrameType.data, FrameType.credit, FrameType.cancel, FrameType.error, 0, 15, 255]
  ) {
    raw.pipe.arriveFrame(type, ID, { payload: new Uint8Array(3) });
  }
  raw.pipe.arriveFrame(FrameType.acknowledge, CONNECTION_ID, { payload: new Uint8Array(160) });
  assert.equal(raw.pipe.sent.length, before);
  assert.ok(raw.session.isOpen);
  assert.equal(raw.session.inFlight, 1);
});

Deno.test("a frame above the limit ends the connection, one at the limit does not", async () => {
  const raw = connectRaw();
  raw.pipe.arrive(encodeFrame(99, ID, { payload: new Uint8Array(LIMITS.maxMessageBytes - FRAME_HEADER_BYTES) }));
  assert.ok(raw.session.isOpen);
  raw.pipe.arrive(encodeFrame(99, ID, { payload: new Uint8Array(LIMITS.maxMessageBytes - FRAME_HEADER_BYTES + 1) }));
  await endedWith(raw, "frame_too_large");
});

Deno.test("a million grants of the largest credit let a body through, and no more than the body", async () => {
  using raw = serverWithDelivery({ method: "PUT", body: streamOf(blocks(10)) });
  const credit = encodeFrame(FrameType.credit, raw.id, { payload: encodeCredit(0xffff_ffff) });
  for (let index = 0; index < 1_000_000; index++) raw.pipe.arrive(credit);
  while (raw.pipe.frames.at(-1)!.flags !== 0) await turn();
  const sent = raw.pipe.frames.filter(({ type }) => type === FrameType.data);
  assert.equal(sent.reduce((sum, { payload }) => sum + payload.length, 0), 10 * 65_536);
  assert.ok(raw.session.isOpen);
});

Deno.test("a body waits while the socket is full, however much credit there is", async () => {
  let produced = 0;
  function* counted() {
    for (const block of blocks(1000)) {
      produced++;
      yield block;
    }
  }
  const raw = connectRaw({ request: () => Promise.resolve({ status: 200, headers: [], body: streamOf(counted()) }) });
  raw.pipe.bufferedAmount = 1024 * 1024 + 1;
  raw.pipe.arriveFrame(FrameType.request, ID, { head: { ...REQUEST, credit: Number.MAX_SAFE_INTEGER } });
  for (let index = 0; index < 10; index++) await turn();
  assert.ok(produced <= 2, `${produced} blocks were read`);
  raw.session.close(1001, "");
  await turn();
});

Deno.test("a peer that sends pings and reads nothing is dropped before its pongs fill the memory", async () => {
  const raw = connectRaw();
  const ping = encodeFrame(FrameType.ping, CONNECTION_ID, { payload: new Uint8Array(64) });
  let sent = 0;
  for (; raw.pipe.closeCode === undefined && sent < 2_000_000; sent++) {
    raw.pipe.arrive(ping);
    raw.pipe.bufferedAmount += 86;
    raw.pipe.sent.length = 0;
  }
  const end = await raw.session.ended;
  assert.equal(end.error?.code, "flow_control");
  assert.equal(raw.pipe.closeCode, 1006);
  assert.ok(sent * 86 < 65 * 1024 * 1024);
});

Deno.test("ten thousand and one requests at once: the last is refused, the connection lives on", () => {
  using raw = connectorThatWaits();
  for (let index = 1; index <= 10_001; index++) {
    raw.pipe.arriveFrame(FrameType.request, index.toString(16).padStart(32, "0"), { head: REQUEST });
  }
  assert.equal(raw.session.inFlight, 10_000);
  const last = raw.pipe.frames.at(-1)!;
  assert.equal(last.type, FrameType.error);
  assert.equal(parseHead(last)["code"], "overloaded");
  assert.ok(raw.session.isOpen);
});

Deno.test("heads of any depth and any number of header lines are read or refused, and quickly", async () => {
  const encoder = new TextEncoder();
  const frameOf = (id: string, head: string) => {
    const bytes = encoder.encode(head);
    const message = new Uint8Array(FRAME_HEADER_BYTES + bytes.length);
    message.set([FrameType.response, 0, ...Uint8Array.fromHex(id)]);
    new DataView(message.buffer).setUint32(18, bytes.length);
    message.set(bytes, FRAME_HEADER_BYTES);
    return message;
  };
  const depth = 250_000;
  using many = serverWithDelivery();
  many.pipe.arrive(frameOf(many.id, `{"status":200,"headers":[${'["",""],'.repeat(100_000)}["",""]]}`));
  assert.equal((await many.delivery.response).headers.length, 100_001);
  using deep = serverWithDelivery();
  deep.pipe.arrive(frameOf(deep.id, `{"status":200,"headers":[],"x":${"[".repeat(depth)}${"]".repeat(depth)}}`));
  assert.equal((await deep.delivery.response).status, 200);
  const wrong = serverWithDelivery();
  wrong.pipe.arrive(frameOf(wrong.id, `{"status":200,"headers":${"[".repeat(depth)}${"]".repeat(depth)}}`));
  await endedWith(wrong, "malformed_head");
});

Deno.test("an error frame with values that are no text fails its delivery and nothing else", async () => {
  using raw = serverWithDelivery();
  raw.pipe.arriveFrame(FrameType.error, raw.id, { head: { code: { toString: 1 }, message: { toString: 1 } } });
  await assert.rejects(raw.delivery.response, {
    code: "target_unreachable",
    message: "The connector could not answer",
  });
  const second = raw.session.deliver(makeRequest());
  const { id } = raw.pipe.frames.at(-1)!;
  raw.pipe.arriveFrame(FrameType.error, id, { head: { code: "target_timeout", message: "x".repeat(500_000) } });
  await assert.rejects(second.response, (error: Error) => error.message.length === 1000);
  assert.ok(raw.session.isOpen);
});

Deno.test("a target with an impossible status costs its own request, not the connection", async () => {
  for (const status of [101, 999, NaN, 200.5]) {
    using raw = connectRaw({ request: () => Promise.resolve({ status, headers: [], body: streamOf(blocks(1)) }) });
    raw.pipe.arriveFrame(FrameType.request, ID, { head: REQUEST });
    await turn();
    assert.equal(parseHead(raw.pipe.frames.at(-1)!)["code"], "target_invalid_response");
    assert.ok(raw.session.isOpen);
  }
});

Deno.test("a body in one-byte frames inside large messages keeps no more memory than its bytes", async () => {
  using raw = serverWithDelivery();
  raw.pipe.arriveFrame(FrameType.response, raw.id, { head: RESPONSE, flags: MORE });
  const padding = "x".repeat(100_000);
  for (let index = 0; index < 1000; index++) {
    const payload = new Uint8Array([index]);
    raw.pipe.arriveFrame(FrameType.data, raw.id, { head: padding, flags: index < 999 ? MORE : 0, payload });
  }
  const { body } = await raw.delivery.response;
  assert.ok(isStreamBody(body));
  const { value } = await body.stream.getReader().read();
  assert.equal(value?.buffer.byteLength, 1000);
});

Deno.test("the connector tops a request's credit up to its window at once", () => {
  using raw = connectorThatWaits();
  raw.pipe.arriveFrame(FrameType.request, ID, { head: REQUEST, flags: MORE });
  const [credit] = raw.pipe.frames;
  assert.equal(credit?.type, FrameType.credit);
  assert.equal(new DataView(credit.payload.slice().buffer).getUint32(0), START_WINDOW_BYTES - FIRST_WINDOW_BYTES);
});
