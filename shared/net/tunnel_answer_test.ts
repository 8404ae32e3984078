import assert from "node:assert/strict";
import fc from "fast-check";
import { readTunnelAnswer } from "./tunnel_answer.ts";

const read = (text: string) => readTunnelAnswer(new TextEncoder().encode(text));

Deno.test("readTunnelAnswer() reads status and what is behind the head", () => {
  assert.deepEqual(read("HTTP/1.0 200 Connection established\r\n\r\n"), { status: 200, restBytes: 0 });
  assert.deepEqual(read("HTTP/1.1 200\r\nVia: x\r\n\r\nabc"), { status: 200, restBytes: 3 });
  assert.deepEqual(read("HTTP/1.1 407 No\nProxy-Authenticate: Basic\n\nä"), { status: 407, restBytes: 2 });
  assert.deepEqual(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n"), { status: 403, restBytes: 0 });
});

Deno.test("readTunnelAnswer() waits for the end of the head, wherever it is cut", () => {
  const whole = "HTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n";
  for (let length = 0; length < whole.length; length++) {
    assert.equal(read(whole.slice(0, length)), "incomplete", whole.slice(0, length));
  }
});

Deno.test("readTunnelAnswer() refuses what is no HTTP/1 as soon as it shows, and endless heads", () => {
  for (
    const text of ["220 mail\r\n", "H2", "HTTP/2 200\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "\r\n"]
  ) {
    assert.equal(read(text), "invalid", text);
  }
  assert.equal(read(`HTTP/1.1 200 OK\r\n${"a".repeat(64 * 1024)}`), "invalid");
});

Deno.test("readTunnelAnswer() refuses endless interim answers", () => {
  assert.equal(read("HTTP/1.1 100 Continue\r\n\r\n".repeat(3_000) + "HTTP/1.1 200 OK\r\n\r\n"), "invalid");
});

Deno.test("readTunnelAnswer() takes any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readTunnelAnswer(bytes)));
});
