import assert from "node:assert/strict";
import { compareResponses, prettyJson } from "./comparison.ts";
import type { ResponseMessageDocument } from "./recording_document.ts";

function response(content: string): ResponseMessageDocument {
  const sizeBytes = content.length;
  return {
    status: 200,
    headers: [],
    body: {
      sizeBytes,
      keptBytes: sizeBytes,
      isCut: false,
      isComplete: true,
      mediaType: "application/json",
      encoding: "text",
      content,
      decodedFrom: null,
    },
  };
}

Deno.test("prettyJson() leaves numbers as they are written", () => {
  assert.equal(
    prettyJson('{"id":12345678901234567891,"price":1.50,"far":1e400,"zero":-0}'),
    '{\n  "id": 12345678901234567891,\n  "price": 1.50,\n  "far": 1e400,\n  "zero": -0\n}',
  );
});

Deno.test("prettyJson() is undefined for what is no JSON, or nested too deeply", () => {
  for (const text of ["", "{", "01", "[".repeat(100_000) + "]".repeat(100_000)]) {
    assert.equal(prettyJson(text), undefined);
  }
});

Deno.test("compareResponses() tells large numbers apart that differ in their last digit", () => {
  const [recorded, replayed] = [response('{"id":9007199254740993}'), response('{"id":9007199254740992}')];
  const { body } = compareResponses({ recorded, replayed, maskedHeaders: [] });
  assert.equal(body.isSame, false);
  assert.deepEqual(body.lines?.filter(({ change }) => change !== "same"), [
    { change: "removed", text: '  "id": 9007199254740993\n' },
    { change: "added", text: '  "id": 9007199254740992\n' },
  ]);
});
