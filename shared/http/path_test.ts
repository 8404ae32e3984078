import assert from "node:assert/strict";
import { hasDotSegments } from "./path.ts";

const WITH_DOT_SEGMENTS = [
  "/..",
  "/.",
  "..",
  "/../",
  "/a/../b",
  "/a/./b",
  "/a/..",
  "/%2e%2e/x",
  "/%2E%2e/x",
  "/.%2e/x",
  "/%2E./x",
  "/%2e",
  "/a\\..\\b",
  "/a%5C..%5cb",
  "/a%2F..%2fb",
  "/a/..%2f",
  "/..?q=1",
  "/..;/x",
  "/..;a=b/x",
];

const WITHOUT_DOT_SEGMENTS = [
  "",
  "/",
  "?q",
  "?q=/../x",
  "/x?/../",
  "/a..b",
  "/..a",
  "/a..",
  "/...",
  "/.well-known/x",
  "/a.b/c.d",
  "/a%2e%2eb",
  "/%2e%2e%2e",
  "/%252e%252e/",
  "//a//",
  "/a;..",
];

Deno.test("hasDotSegments() is true when a segment is one or two dots in any spelling", () => {
  for (const path of WITH_DOT_SEGMENTS) assert.equal(hasDotSegments(path), true, path);
});

Deno.test("hasDotSegments() is false when dots are part of a name or of the query", () => {
  for (const path of WITHOUT_DOT_SEGMENTS) assert.equal(hasDotSegments(path), false, path);
});
