import assert from "node:assert/strict";
import type { Body, HeaderLine, HeaderLines } from "../../shared/http/message.ts";
import { responseHeaders } from "./response_head.ts";

/** What a client gets of these lines. */
function through(headers: HeaderLines, { status = 200, method = "GET", body = null as Body } = {}): HeaderLine[] {
  return responseHeaders({ status, headers, body }, method);
}

const INVALID = { code: "target_invalid_response" };

Deno.test("responseHeaders() throws for every character that no header value may have", () => {
  for (let character = 0; character <= 0x120; character++) {
    const line: HeaderLine = ["X-Value", `a${String.fromCharCode(character)}b`];
    const isAllowed = character === 9 || (character >= 0x20 && character <= 0xff && character !== 0x7f);
    if (isAllowed) assert.deepEqual(through([line]), [line]);
    else assert.throws(() => through([line]), INVALID, `U+${character.toString(16)}`);
  }
});

Deno.test("responseHeaders() throws for names that are no token", () => {
  for (const name of ["", " ", "a b", "a:", "a\r\nb", "a\0", "\u00fc", "a(b", "a,b", "Content-Length ", "a\u2028"]) {
    assert.throws(() => through([[name, "x"]]), INVALID, JSON.stringify(name));
  }
  assert.deepEqual(through([["a!#$%&'*+.^_`|~9Z-", ""]]), [["a!#$%&'*+.^_`|~9Z-", ""]]);
});

Deno.test("responseHeaders() replaces the connector's Content-Length by what the body has", () => {
  const stream = new ReadableStream<Uint8Array>();
  const lines: HeaderLines = [["content-length", "7"], ["Content-Length", "x"], ["A", "1"]];
  assert.deepEqual(through(lines), [["A", "1"]]);
  assert.deepEqual(through(lines, { body: { stream } }), [["A", "1"]]);
  assert.deepEqual(through(lines, { body: { stream, length: 5 } }), [["A", "1"], ["Content-Length", "5"]]);
});

Deno.test("responseHeaders() keeps one well-formed Content-Length where no body follows", () => {
  for (const head of [{ method: "HEAD" }, { status: 304 }]) {
    assert.deepEqual(through([["Content-Length", "5"]], head), [["Content-Length", "5"]]);
    assert.deepEqual(through([["A", "1"]], head), [["A", "1"]]);
    for (const value of ["", "-1", "+1", "5, 5", "0x5", "1e3", "9".repeat(16)]) {
      assert.throws(() => through([["Content-Length", value]], head), INVALID, value);
    }
    assert.throws(() => through([["Content-Length", "5"], ["content-length", "5"]], head), INVALID);
  }
});

Deno.test("responseHeaders() leaves out what concerns one connection, and what only the relay may say", () => {
  const lines: HeaderLines = [
    ["Transfer-Encoding", "chunked"],
    ["Connection", "X-Mine"],
    ["X-Mine", "1"],
    ["RelayServer-Error", "internal_error"],
    ["Set-Cookie", "a=1"],
    ["Set-Cookie", "b=2"],
  ];
  assert.deepEqual(through(lines), [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]);
});
