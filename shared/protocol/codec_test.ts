import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeCredit,
  decodeFrame,
  decodeIds,
  encodeCredit,
  encodeFrame,
  encodeIds,
  type FrameContent,
  parseHead,
} from "./codec.ts";
import { CONNECTION_ID, FRAME_HEADER_BYTES } from "./frame.ts";
import { ProtocolError } from "./protocol_error.ts";

const ID = "0123456789abcdef0123456789abcdef";
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);

const ROUND_TRIPS: readonly (readonly [name: string, type: number, id: string, content: FrameContent])[] = [
  ["nothing but a header", 0, CONNECTION_ID, {}],
  ["the largest type and flags", 255, "f".repeat(32), { flags: 255 }],
  ["an empty head", 5, ID, { head: {} }],
  ["an empty payload", 7, ID, { payload: new Uint8Array(0) }],
  ["every byte as payload", 7, ID, { flags: 1, payload: ALL_BYTES }],
  ["a payload that looks like a head", 7, ID, { payload: new TextEncoder().encode("{}") }],
  ["head and payload", 6, ID, { flags: 1, head: { status: 200, headers: [["a", "b"]] }, payload: ALL_BYTES }],
  ["a head with all of Unicode's traps", 5, ID, { head: { a: '\u0000\u007f\u0080\u00ff\u2028😀"\\\n' } }],
  ["a large head", 5, ID, { head: { a: "x".repeat(1_000_000) }, payload: new Uint8Array([1]) }],
  ["a large payload", 7, ID, { payload: new Uint8Array(16 * 1024 * 1024).fill(7) }],
  ["a payload that is a view", 7, ID, { payload: ALL_BYTES.subarray(100, 200) }],
];

for (const [name, type, id, content] of ROUND_TRIPS) {
  Deno.test(`decodeFrame() gives back what encodeFrame() was given: ${name}`, () => {
    const frame = decodeFrame(encodeFrame(type, id, content));
    assert.equal(frame.type, type);
    assert.equal(frame.id, id);
    assert.equal(frame.flags, content.flags ?? 0);
    assert.deepEqual(frame.payload, content.payload ?? new Uint8Array(0));
    if (content.head === undefined) assert.equal(frame.head.length, 0);
    else assert.deepEqual(parseHead(frame), content.head);
  });
}

Deno.test("encodeFrame() lays out a frame as protocol §2 says", () => {
  const message = encodeFrame(7, ID, { flags: 1, head: {}, payload: new Uint8Array([0xaa, 0xbb]) });
  assert.equal(message.toHex(), `0701${ID}000000027b7daabb`);
});

Deno.test("decodeFrame() reads a message that is a view into a larger buffer", () => {
  const message = encodeFrame(6, ID, { head: { a: 1 }, payload: ALL_BYTES });
  const buffer = new Uint8Array(message.length + 100).fill(0xee);
  buffer.set(message, 50);
  const frame = decodeFrame(buffer.subarray(50, 50 + message.length));
  assert.deepEqual(parseHead(frame), { a: 1 });
  assert.deepEqual(frame.payload, ALL_BYTES);
});

Deno.test("decodeFrame() refuses a frame cut off within its header or head, wherever", () => {
  const message = encodeFrame(5, ID, { head: { name: "value" }, payload: new Uint8Array(3) });
  const payloadAt = message.length - 3;
  for (let length = 0; length <= message.length; length++) {
    const cut = message.subarray(0, length);
    if (length < payloadAt) assert.throws(() => decodeFrame(cut), { name: "ProtocolError", code: "malformed_frame" });
    else assert.equal(decodeFrame(cut).payload.length, length - payloadAt);
  }
});

Deno.test("decodeFrame() refuses a head that is longer than the message, up to the largest length", () => {
  for (const length of [1, 0x7f, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffe9, 0xffff_ffff]) {
    const message = new Uint8Array(FRAME_HEADER_BYTES);
    new DataView(message.buffer).setUint32(18, length);
    assert.throws(() => decodeFrame(message), { name: "ProtocolError", code: "malformed_frame" });
  }
});

Deno.test("decodeFrame() and parseHead() give only protocol errors for random bytes", () => {
  const header = fc.uint8Array({ minLength: 18, maxLength: 18 });
  const head = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.json().map((text) => new TextEncoder().encode(text)));
  const framed = fc.tuple(header, head).map(([first, rest]) => {
    const message = new Uint8Array(FRAME_HEADER_BYTES + rest.length);
    message.set(first);
    new DataView(message.buffer).setUint32(18, rest.length);
    message.set(rest, FRAME_HEADER_BYTES);
    return message;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), framed), (bytes) => {
      try {
        const head = parseHead(decodeFrame(bytes));
        assert.ok(typeof head === "object" && head !== null && !Array.isArray(head));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

for (
  const text of ["", "null", "[]", "[{}]", "1", '"a"', "true", "{", '{"a":}', "{} {}", "\u0000", "[".repeat(500_000)]
) {
  Deno.test(`parseHead() refuses ${JSON.stringify(text.slice(0, 10))} (${text.length} characters)`, () => {
    const frame = { type: 5, flags: 0, id: ID, head: new TextEncoder().encode(text), payload: new Uint8Array(0) };
    assert.throws(() => parseHead(frame), { name: "ProtocolError", code: "malformed_head" });
  });
}

Deno.test("parseHead() refuses bytes that are not UTF-8, and reads the next head all the same", () => {
  const frame = { type: 5, flags: 0, id: ID, payload: new Uint8Array(0) };
  const broken = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
  assert.throws(() => parseHead({ ...frame, head: broken }), { code: "malformed_head" });
  assert.throws(() => parseHead({ ...frame, head: new Uint8Array([0x7b, 0xc3]) }), { code: "malformed_head" });
  assert.deepEqual(parseHead({ ...frame, head: new TextEncoder().encode('{"a":1}') }), { a: 1 });
});

Deno.test("parseHead() reads __proto__ as an ordinary member", () => {
  const head = new TextEncoder().encode('{"__proto__":{"polluted":true}}');
  const read = parseHead({ type: 5, flags: 0, id: ID, head, payload: new Uint8Array(0) });
  assert.deepEqual(Object.keys(read), ["__proto__"]);
  assert.equal(read["polluted"], undefined);
});

Deno.test("decodeCredit() gives back what encodeCredit() was given", () => {
  for (const bytes of [0, 1, 255, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    assert.equal(decodeCredit(encodeCredit(bytes)), bytes);
  }
});

Deno.test("decodeCredit() refuses every length but 4", () => {
  for (const length of [0, 1, 3, 5, 8]) {
    assert.throws(() => decodeCredit(new Uint8Array(length)), { name: "ProtocolError", code: "malformed_frame" });
  }
});

Deno.test("decodeIds() gives back what encodeIds() was given", () => {
  for (const ids of [[ID], [ID, CONNECTION_ID, "f".repeat(32)], Array<string>(1000).fill(ID)]) {
    assert.deepEqual(decodeIds(encodeIds(ids)), ids);
  }
});

Deno.test("decodeIds() refuses what is not a whole number of ids, and none", () => {
  for (const length of [0, 1, 15, 17, 31, 33]) {
    assert.throws(() => decodeIds(new Uint8Array(length)), { name: "ProtocolError", code: "malformed_frame" });
  }
});
