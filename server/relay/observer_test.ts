import assert from "node:assert/strict";
import { RELAY_ERROR_CODES } from "../../shared/errors/relay_error.ts";
import { outcomeOf, REQUEST_OUTCOMES } from "./observer.ts";

Deno.test("outcomeOf() tells apart success, the client's leaving, expiration and what was not foreseen", () => {
  assert.equal(outcomeOf(undefined), "succeeded");
  assert.equal(outcomeOf("client_gone"), "aborted");
  assert.equal(outcomeOf("request_expired"), "expired");
  assert.equal(outcomeOf("internal_error"), "errored");
});

Deno.test("outcomeOf() gives failed for whatever else the relay answers itself", () => {
  const others = RELAY_ERROR_CODES.filter((code) =>
    !["client_gone", "request_expired", "internal_error"].includes(code)
  );
  assert.deepEqual(new Set(others.map(outcomeOf)), new Set(["failed"]));
  assert.ok(RELAY_ERROR_CODES.every((code) => REQUEST_OUTCOMES.includes(outcomeOf(code))));
});
