import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { FakeTime, readAll, streamOf } from "../../shared/protocol/testing.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import { type Interceptor, Interceptors } from "../interceptors/mod.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import { DEFAULT_TENANT_SETTINGS, type Tenant } from "../persistence/tenants.ts";
import { Admission } from "./admission.ts";
import type { Gate } from "./gate.ts";
import type { RelayedRequest } from "./observer.ts";
import { Relay } from "./relay.ts";
import { NO_TAP } from "./tap.ts";

const EXPIRATION_MS = 1_000;
const TENANT: Tenant = { ...DEFAULT_TENANT_SETTINGS, id: "1", name: "acme", createdAt: 0, updatedAt: 0, version: 1 };

/** A relay whose targets all answer at once with the same response, or fail with the same error. */
function startRelay(
  response: Pick<DispatchedResponse, "status" | "headers" | "body"> | RelayError,
  interceptors: Interceptor[],
) {
  const ended: RelayedRequest[] = [];
  const cancelled: string[] = [];
  const connector = { machineName: "site", version: "1" };
  const dispatched = { ...response as DispatchedResponse, connection: { id: "c", connector, originId: "o" } };
  const dispatcher = {
    dispatch: () => ({
      response: response instanceof RelayError ? Promise.reject(response) : Promise.resolve(dispatched),
      cancel: (reason: string) => void cancelled.push(reason),
    }),
  };
  const admission = new Admission({ requests: 10, requestsPerTenant: 10 });
  const relay = new Relay({
    tenants: { findByName: () => Promise.resolve(TENANT) },
    dispatcher: dispatcher as unknown as Dispatcher,
    admission,
    gate: { guards: () => false } as unknown as Gate,
    interceptors: new Interceptors(interceptors, { maxTimeoutMs: EXPIRATION_MS }),
    keeper: {
      dispatch: () => assert.fail("stored"),
      enqueue: () => response instanceof RelayError ? Promise.reject(response) : assert.fail("stored"),
    },
    observer: { requestEnded: (request) => void ended.push(request) },
    tap: NO_TAP,
  }, {
    server: { originId: "o", version: "1", machineName: "cloud" },
    requestBody: { inlineBodyLimitBytes: 1_000, maxBodyBytes: undefined, idleTimeoutMs: 1_000 },
    responseBody: { idleTimeoutMs: undefined },
    requestExpirationMs: EXPIRATION_MS,
    requireActiveConnection: true,
    isTraceEndpointOn: true,
    scheme: "http",
    isTrustedProxy: () => false,
    acknowledgeMode: "disabled",
    publicUrl: () => "http://relay",
  });
  return { relay, ended, cancelled, admission };
}

function get(target: string): ListenerRequest {
  const { signal } = new AbortController();
  const toRequest = () => assert.fail("not needed");
  return { method: "GET", target, host: "h", headers: [], body: null, peerAddress: "192.0.2.1", signal, toRequest };
}

Deno.test("a request does not expire any more while interceptors look at its response", async () => {
  using time = new FakeTime();
  const slow: Interceptor = {
    name: "slow",
    interceptResponse() {
      time.pass(EXPIRATION_MS);
      return { status: 201 };
    },
  };
  const body = streamOf([new Uint8Array(3)]);
  const { relay, ended, cancelled, admission } = startRelay({ status: 200, headers: [], body }, [slow]);
  using _relay = relay;
  const answer = await relay.handle(get("/relay/acme/app"));
  assert.equal(answer.status, 201);
  assert.equal((await readAll(answer.body)).length, 3);
  assert.deepEqual(cancelled, []);
  assert.deepEqual(ended.map(({ status, outcome }) => [status, outcome]), [[201, "succeeded"]]);
  assert.equal(admission.inFlight, 0);
});

Deno.test("a response whose status has no body ends with its head, whatever the connector sends behind it", async () => {
  for (const status of [204, 205, 304]) {
    for (const body of [streamOf([new Uint8Array(3)], 3), streamOf([new Uint8Array(3)]), new Uint8Array(3)]) {
      const { relay, ended, admission } = startRelay({ status, headers: [], body }, []);
      using _relay = relay;
      const answer = await relay.handle(get("/relay/acme/app"));
      assert.deepEqual([answer.status, answer.headers, answer.body], [status, [], null]);
      assert.deepEqual(ended.map(({ outcome, relayedResponseBytes }) => [outcome, relayedResponseBytes]), [[
        "succeeded",
        0,
      ]]);
      assert.equal(admission.inFlight, 0);
    }
  }
});

Deno.test("a stream of an interceptor is cancelled when its request reaches no connection", async () => {
  const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({ cancel: () => cancel() });
  const replacing: Interceptor = { name: "replacing", interceptRequest: () => ({ method: "POST", body }) };
  const { relay } = startRelay(new RelayError("connector_unavailable", "None"), [replacing]);
  using _relay = relay;
  assert.equal((await relay.handle(get("/relay/acme/app"))).status, 503);
  await cancelled;
});

Deno.test("a stream that an interceptor answers with is cancelled when the request cannot be stored", async () => {
  const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({ cancel: () => cancel() });
  const answering: Interceptor = {
    name: "answering",
    interceptRequest: () => ({ answer: { status: 200, body }, deliver: true, acknowledgeMode: "connectorFinished" }),
  };
  const { relay, admission } = startRelay(new RelayError("queue_full", "Full"), [answering]);
  using _relay = relay;
  assert.equal((await relay.handle(get("/relay/acme/app"))).status, 503);
  await cancelled;
  assert.equal(admission.inFlight, 0);
});

Deno.test("a request that an interceptor answers and delivers takes one place, until both are over", async () => {
  const answering: Interceptor = {
    name: "answering",
    interceptRequest: () => ({ answer: { status: 202 }, deliver: true }),
  };
  const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>();
  const cancelling = Promise.withResolvers<void>();
  const body = {
    stream: new ReadableStream<Uint8Array>({
      cancel() {
        cancel();
        return cancelling.promise;
      },
    }),
  };
  const { relay, admission } = startRelay({ status: 200, headers: [], body }, [answering]);
  using _relay = relay;
  // A tenant's share of ten places is eight: one is left.
  for (let count = 0; count < 7; count++) admission.enter(TENANT.id);
  assert.equal((await relay.handle(get("/relay/acme/app"))).status, 202);
  await cancelled;
  assert.equal(admission.inFlight, 8);
  for (let count = 0; count < 7; count++) admission.leave(TENANT.id);
  const idle = admission.close();
  cancelling.resolve();
  await idle;
});
