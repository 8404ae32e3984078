import assert from "node:assert/strict";
import fc from "fast-check";
import { maskBody } from "./mask_body.ts";

const encoder = new TextEncoder();

function masked(text: string): string {
  return new TextDecoder().decode(maskBody(encoder.encode(text)));
}

Deno.test("maskBody() takes tokens of acknowledge URLs out, and the length stays", () => {
  const text = "see </acknowledge/a/b?token=SECRET>, and '/acknowledge/a/b?token=SECRET'";
  assert.doesNotMatch(masked(text), /SECRET/);
  assert.equal(masked(text).length, text.length);
});

Deno.test("maskBody() leaves everything else as it was, byte for byte", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
    assert.deepEqual(new Uint8Array(maskBody(bytes)), bytes);
  }));
  const text = "token=abc /acknowledge/ token \u2603";
  assert.equal(masked(text), text);
});

Deno.test("maskBody() finds a token that stands between other bytes, also at a cut end", () => {
  const bytes = new Uint8Array([0xff, 0x00, ...encoder.encode("/acknowledge/a/b?token=SECR")]);
  const result = new Uint8Array(maskBody(bytes));
  assert.equal(result.length, bytes.length);
  assert.doesNotMatch(String.fromCharCode(...result), /SECR/);
  assert.deepEqual([...result.slice(0, 2)], [0xff, 0x00]);
});
