import assert from "node:assert/strict";
import { closest, unknown } from "./closest.ts";

Deno.test("closest() finds the word that was probably meant", () => {
  assert.equal(closest("prot", ["hostname", "port"]), "port");
  assert.equal(closest("reqestExpiration", ["requestExpiration", "port"]), "requestExpiration");
  assert.equal(closest("PORT", ["port"]), "port");
});

Deno.test("closest() finds nothing when nothing is near", () => {
  assert.equal(closest("banana", ["port", "hostname"]), undefined);
  assert.equal(closest("x", ["ab", "y"]), undefined);
  assert.equal(closest("anything", []), undefined);
});

Deno.test("unknown() names the nearest word with what stands before it", () => {
  assert.equal(
    unknown("flag", { word: "limits.conections", known: ["limits.connections"], start: "--" }),
    "Unknown flag, did you mean --limits.connections?",
  );
  assert.equal(unknown("key", { word: "banana", known: ["port"] }), "Unknown key");
});
