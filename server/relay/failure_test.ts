import assert from "node:assert/strict";
import { RELAY_ERROR_CODES, RelayError, type RelayErrorCode } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import { answerFailure, statusOf, toRelayError } from "./failure.ts";

const REQUEST_ID = "00000000-0000-4000-8000-000000000001";

/** What clients are promised, and how many seconds they are asked to wait. */
const PROMISED: Record<RelayErrorCode, readonly [status: number, retryAfter?: string]> = {
  invalid_request: [400],
  authentication_required: [401],
  access_denied: [403],
  tenant_disabled: [403],
  tenant_unknown: [404],
  target_unknown: [404],
  not_found: [404],
  request_timeout: [408],
  body_taken: [409],
  delivery_over: [410],
  body_too_large: [413],
  headers_too_large: [431],
  rate_limited: [429, "1"],
  client_gone: [499],
  internal_error: [500],
  target_unreachable: [502],
  target_invalid_response: [502],
  connector_lost: [502],
  connector_unavailable: [503, "5"],
  transport_unavailable: [503, "5"],
  body_store_unavailable: [503, "5"],
  authentication_unavailable: [503, "5"],
  queue_full: [503, "5"],
  overloaded: [503, "1"],
  draining: [503, "1"],
  target_timeout: [504],
  request_expired: [504],
};

function textOf({ body }: RelayResponse): string {
  assert.ok(body instanceof Uint8Array);
  return new TextDecoder().decode(body);
}

for (const code of RELAY_ERROR_CODES) {
  const [status, retryAfter] = PROMISED[code];
  Deno.test(`answerFailure() answers ${status} to ${code}`, () => {
    const answer = answerFailure(new RelayError(code, "Why"), REQUEST_ID);
    assert.equal(answer.status, status);
    assert.equal(statusOf(code), status);
    assert.equal(headerValue(answer.headers, "content-type"), "application/problem+json");
    assert.equal(headerValue(answer.headers, "cache-control"), "no-store");
    assert.equal(headerValue(answer.headers, "relayserver-error"), code);
    assert.equal(headerValue(answer.headers, "relayserver-requestid"), REQUEST_ID);
    assert.equal(headerValue(answer.headers, "retry-after"), retryAfter);
    assert.equal(headerValue(answer.headers, "www-authenticate"), status === 401 ? "Bearer" : undefined);
    const { title, ...problem } = JSON.parse(textOf(answer));
    assert.deepEqual(problem, { type: "about:blank", status, detail: "Why", code, requestId: REQUEST_ID });
    assert.match(title, /^[A-Z][a-z ]+$/);
  });
}

Deno.test("answerFailure() says Retry-After as the error knows it, 0 too, whatever the code", () => {
  for (const [code, retryAfterSeconds] of [["draining", 0], ["queue_full", 60], ["access_denied", 7]] as const) {
    const { headers } = answerFailure(new RelayError(code, "Why", { retryAfterSeconds }));
    assert.equal(headerValue(headers, "retry-after"), String(retryAfterSeconds));
  }
});

Deno.test("answerFailure() makes up an id for what never became a request, another one each time", () => {
  const ids = [1, 2].map(() =>
    headerValue(answerFailure(new RelayError("not_found", "Why")).headers, "relayserver-requestid")
  );
  for (const id of ids) assert.match(id!, /^[0-9a-f-]{36}$/);
  assert.notEqual(ids[0], ids[1]);
});

Deno.test("answerFailure() tells nothing of an error's cause", () => {
  const cause = new Error("secret.host refused <script>");
  for (const error of [toRelayError(cause), new RelayError("target_unreachable", "Cannot reach it", { cause })]) {
    const answer = answerFailure(error);
    assert.doesNotMatch(textOf(answer) + JSON.stringify(answer.headers), /secret|script/);
  }
});

Deno.test("toRelayError() keeps a relay error, and makes anything else an internal error with its cause", () => {
  const error = new RelayError("queue_full", "Why");
  assert.equal(toRelayError(error), error);
  for (const thrown of [new TypeError("x"), "text", undefined, null]) {
    const { code, cause } = toRelayError(thrown);
    assert.deepEqual([code, cause], ["internal_error", thrown]);
  }
});
