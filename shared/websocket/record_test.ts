import assert from "node:assert/strict";
import fc from "fast-check";
import { RelayError } from "../errors/relay_error.ts";
import { MAX_SOCKET_MESSAGE_BYTES, sendableCode, shortReason } from "./message_socket.ts";
import { decodeClose, encodeClose, encodeRecord, RecordKind, RecordReader, type SocketRecord } from "./record.ts";

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

const RECORDS: readonly SocketRecord[] = [
  { kind: RecordKind.text, payload: new TextEncoder().encode("ü") },
  { kind: RecordKind.binary, payload: new Uint8Array(0) },
  { kind: RecordKind.binary, payload: new Uint8Array(300).fill(9) },
  { kind: 77, payload: Uint8Array.of(1) },
];

Deno.test("RecordReader reads what encodeRecord() wrote, split anywhere", () => {
  const bytes = concat(RECORDS.map(({ kind, payload }) => encodeRecord(kind, payload)));
  for (let split = 0; split <= bytes.length; split++) {
    const reader = new RecordReader();
    const read = [...reader.read(bytes.subarray(0, split)), ...reader.read(bytes.subarray(split))];
    assert.deepEqual(read, RECORDS);
    assert.ok(reader.isAtStart);
  }
});

Deno.test("RecordReader reads any records in any pieces", () => {
  const record = fc.record({ kind: fc.integer({ min: 0, max: 255 }), payload: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(fc.property(fc.array(record, { maxLength: 8 }), fc.integer({ min: 1, max: 7 }), (records, size) => {
    const bytes = concat(records.map(({ kind, payload }) => encodeRecord(kind, payload)));
    const reader = new RecordReader();
    const read: SocketRecord[] = [];
    for (let at = 0; at < bytes.length; at += size) read.push(...reader.read(bytes.subarray(at, at + size)));
    assert.deepEqual(
      read.map(({ kind, payload }) => [kind, [...payload]]),
      records.map((r) => [r.kind, [...r.payload]]),
    );
  }));
});

Deno.test("RecordReader meets random bytes with records or target_invalid_response, never with much memory", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      for (const { payload } of new RecordReader().read(bytes)) assert.ok(payload.length <= 200);
    } catch (error) {
      assert.ok(error instanceof RelayError && error.code === "target_invalid_response", String(error));
    }
  }));
});

Deno.test("RecordReader refuses a message beyond the limit at its head", () => {
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(1, MAX_SOCKET_MESSAGE_BYTES + 1);
  assert.throws(() => [...new RecordReader().read(head)], { code: "target_invalid_response" });
});

Deno.test("encodeClose() and decodeClose() keep code and reason, and their absence", () => {
  for (const [code, reason] of [[1000, ""], [4999, "späte Gründe"], [1005, ""]] as const) {
    const [record] = [...new RecordReader().read(encodeClose(code, reason))];
    assert.equal(record?.kind, RecordKind.close);
    assert.deepEqual(decodeClose(record!.payload), { code, reason });
  }
  assert.deepEqual(decodeClose(Uint8Array.of(3)), { code: 1005, reason: "" });
});

Deno.test("sendableCode() gives no peer a code that RFC 6455 forbids on the wire", () => {
  for (const code of [1000, 1001, 1003, 1007, 1011, 1013, 1014, 3000, 4999, 1005]) {
    assert.equal(sendableCode(code), code);
  }
  for (const code of [0, 999, 1004, 1006, 1015, 2999, 5000, 65535]) {
    assert.equal(sendableCode(code), 1011, String(code));
  }
});

Deno.test("shortReason() keeps within 123 bytes and whole characters", () => {
  assert.equal(shortReason("x".repeat(123)), "x".repeat(123));
  const short = shortReason("€".repeat(100));
  assert.ok(new TextEncoder().encode(short).length <= 123);
  assert.match(short, /^€+$/);
});
