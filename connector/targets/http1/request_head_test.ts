import assert from "node:assert/strict";
import { encodeRequest } from "./request_head.ts";

const GET = { method: "GET", path: "/", rawHeaders: ["Host", "h"], isKept: true };

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

Deno.test("encodeRequest() writes every byte as it is, and the body behind it", () => {
  const rawHeaders = ["Host", "h", "x-A", "\xe9\tb", "X-a", "", "X-a", "2"];
  const bytes = encodeRequest(
    { method: "Brew", path: '/%2F|\\"<>\xff?#', rawHeaders, isKept: false },
    new Uint8Array([0, 255]),
  );
  assert.equal(
    textOf(bytes),
    'Brew /%2F|\\"<>\xff?# HTTP/1.1\r\nHost: h\r\nx-A: \xe9\tb\r\nX-a: \r\nX-a: 2\r\nConnection: close\r\n\r\n\x00\xff',
  );
  assert.equal(textOf(encodeRequest(GET)), "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
});

Deno.test("encodeRequest() refuses what would end a line, or is not to be in a head", () => {
  const bad = [..."\r\n\x00\x01\x7f", "\u0100", "\u010d", "\u010a", "\ud83d"];
  const refused = [
    ...["", " ", "GET ", "G:T", ...bad].map((method) => ({ ...GET, method })),
    ...["", "/a b", "/a\tb", ...bad.map((character) => `/${character}`)].map((path) => ({ ...GET, path })),
    ...["", "A B", "A:", "\xe9", ...bad].map((name) => ({ ...GET, rawHeaders: [name, "x"] })),
    ...bad.map((value) => ({ ...GET, rawHeaders: ["A", value] })),
  ];
  for (const head of refused) assert.throws(() => encodeRequest(head), TypeError, JSON.stringify(head));
});
