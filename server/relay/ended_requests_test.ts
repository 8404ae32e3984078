import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { relayedRequest } from "../statistics/testing.ts";
import { EndedRequests } from "./ended_requests.ts";
import type { RelayObserver } from "./observer.ts";
import type { ExchangeTap } from "./tap.ts";

Deno.test("EndedRequests tells all observers of all requests, in the order of their ends, when the turn is over", async () => {
  const { told, observer } = listen();
  const other = listen();
  using ended = new EndedRequests([observer, other.observer]);
  end(ended, "/1");
  end(ended, "/2");
  assert.deepEqual(told, []);
  await setImmediate();
  assert.deepEqual(told, ["/1", "/2"]);
  assert.deepEqual(other.told, told);
  end(ended, "/3");
  await setImmediate();
  assert.deepEqual(told, ["/1", "/2", "/3"]);
});

Deno.test("EndedRequests tells those who look into one request, and the operator who sent it", async () => {
  using ended = new EndedRequests([]);
  const told: string[] = [];
  const tap = { ended: () => told.push("tap") } as unknown as ExchangeTap;
  ended.add({ record: relayedRequest, tap }, { answered: () => {}, ended: () => told.push("operator") });
  await setImmediate();
  assert.deepEqual(told, ["tap", "operator"]);
});

Deno.test("EndedRequests tells what is left when it is disposed of, once", async () => {
  const { told, observer } = listen();
  const ended = new EndedRequests([observer]);
  end(ended, "/1");
  ended[Symbol.dispose]();
  assert.deepEqual(told, ["/1"]);
  await setImmediate();
  assert.deepEqual(told, ["/1"]);
});

function listen(): { readonly told: string[]; readonly observer: RelayObserver } {
  const told: string[] = [];
  return { told, observer: { requestEnded: ({ path }) => told.push(path) } };
}

function end(ended: EndedRequests, path: string): void {
  ended.add({ record: () => relayedRequest({ path }), tap: undefined }, undefined);
}
