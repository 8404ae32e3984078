import assert from "node:assert/strict";
import { contentTypesOf, isOfType } from "./media_type.ts";

Deno.test("contentTypesOf() leaves out parameters, case and space", () => {
  for (
    const value of [
      "application/json",
      "Application/JSON; charset=utf-8",
      " application/json ;x",
      'application/json;a=",;b"',
    ]
  ) {
    assert.deepEqual(contentTypesOf([["Content-Type", value]]), ["application/json"], value);
  }
  assert.deepEqual(contentTypesOf([["Content-Types", "a/b"], ["Accept", "x/y"]]), []);
});

Deno.test("contentTypesOf() gives every type that somebody could read", () => {
  assert.deepEqual(contentTypesOf([["content-type", "a/b"], ["CONTENT-TYPE", "c/d"]]), ["a/b", "c/d"]);
  assert.deepEqual(contentTypesOf([["content-type", "a/b; x=1,c/d"]]), ["a/b", "c/d"]);
});

Deno.test("contentTypesOf() gives nothing for what is no type", () => {
  for (const value of ["", "json", "a/b/c", "a /b", "a/b, ", 'a/b;x="unfinished, c/d d', "/", "a/", "\u00e4/b"]) {
    assert.equal(contentTypesOf([["content-type", value]]), undefined, value);
  }
});

Deno.test("isOfType() knows types and their families", () => {
  assert.ok(isOfType("image/png", "image/png") && isOfType("image/png", "image/*") && isOfType("image/png", "*/*"));
  assert.ok(!isOfType("imagex/png", "image/*") && !isOfType("image/pngx", "image/png"));
});
