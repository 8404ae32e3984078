import assert from "node:assert/strict";
import { endToEndHeaders, headerValue } from "./headers.ts";
import type { HeaderLine } from "./message.ts";

function names(lines: readonly HeaderLine[]): string[] {
  return endToEndHeaders(lines).map(([name]) => name);
}

Deno.test("endToEndHeaders() keeps order, case and repeats", () => {
  const lines: HeaderLine[] = [["B", "1"], ["a", "2"], ["SET-cookie", "x"], ["Set-Cookie", "y"], ["b", ""]];
  assert.deepEqual(endToEndHeaders(lines), lines);
});

Deno.test("endToEndHeaders() drops what concerns one connection, however it is spelled", () => {
  const dropped = [
    "Connection",
    "Keep-Alive",
    "PROXY-AUTHENTICATE",
    "Proxy-Authorization",
    "proxy-connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
  ];
  for (const name of dropped) assert.deepEqual(names([["a", "1"], [name, "x"], ["b", "2"]]), ["a", "b"], name);
});

Deno.test("endToEndHeaders() keeps Host and Content-Length, which its caller decides on", () => {
  assert.deepEqual(names([["Host", "h"], ["Content-Length", "1"]]), ["Host", "Content-Length"]);
});

Deno.test("endToEndHeaders() drops the relay's own fields, which nobody may make up", () => {
  const lines: HeaderLine[] = [["RelayServer-Error", "x"], ["relayserver-redelivered", "1"], ["RelayServer", "kept"]];
  assert.deepEqual(names(lines), ["RelayServer"]);
});

Deno.test("endToEndHeaders() drops what Connection lists, before it and after it, in any line of it", () => {
  const lines: HeaderLine[] = [
    ["X-Early", "1"],
    ["Connection", "close, x-early ,, X-Late"],
    ["connection", "x-other"],
    ["x-late", "1"],
    ["X-Other", "1"],
    ["Close", "1"],
    ["X-Kept", "1"],
  ];
  assert.deepEqual(names(lines), ["X-Kept"]);
});

Deno.test("endToEndHeaders() takes Connection: close and keep-alive for no lists", () => {
  for (const value of ["close", "Keep-Alive"]) {
    assert.deepEqual(names([["Connection", value], ["Close", "1"]]), ["Close"]);
  }
});

Deno.test("endToEndHeaders() lets Connection remove nothing that tells who the client is, or what it may do", () => {
  const kept = ["Host", "Content-Length", "Cookie", "Authorization", "Forwarded", "Via", "X-Forwarded-For"];
  const lines = kept.map((name): HeaderLine => [name, "1"]);
  assert.deepEqual(names([["Connection", kept.join(", ")], ...lines]), kept);
});

Deno.test("endToEndHeaders() drops what its caller names, in lower case, besides", () => {
  const lines: HeaderLine[] = [["Via", "1"], ["A", "1"]];
  assert.deepEqual(endToEndHeaders(lines, (name) => name === "via"), [["A", "1"]]);
});

Deno.test("headerValue() is the first value, whatever the case of the name", () => {
  const lines: HeaderLine[] = [["A", ""], ["a", "2"]];
  assert.equal(headerValue(lines, "a"), "");
  assert.equal(headerValue(lines, "b"), undefined);
});
