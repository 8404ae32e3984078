import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { EndedRequests } from "./ended_requests.ts";
import type { RelayObserver } from "./relay/observer.ts";
import { relayedRequest } from "./statistics/testing.ts";

Deno.test("EndedRequests tells all observers of all requests, in the order of their ends, when the turn is over", async () => {
  const { told, observer } = listen();
  const other = listen();
  using ended = new EndedRequests([observer, other.observer]);
  ended.requestEnded(relayedRequest({ path: "/1" }));
  ended.requestEnded(relayedRequest({ path: "/2" }));
  assert.deepEqual(told, []);
  await setImmediate();
  assert.deepEqual(told, ["/1", "/2"]);
  assert.deepEqual(other.told, told);
  ended.requestEnded(relayedRequest({ path: "/3" }));
  await setImmediate();
  assert.deepEqual(told, ["/1", "/2", "/3"]);
});

Deno.test("EndedRequests tells what is left when it is disposed of, once", async () => {
  const { told, observer } = listen();
  const ended = new EndedRequests([observer]);
  ended.requestEnded(relayedRequest({ path: "/1" }));
  ended[Symbol.dispose]();
  assert.deepEqual(told, ["/1"]);
  await setImmediate();
  assert.deepEqual(told, ["/1"]);
});

function listen(): { readonly told: string[]; readonly observer: RelayObserver } {
  const told: string[] = [];
  return { told, observer: { requestEnded: ({ path }) => told.push(path) } };
}
