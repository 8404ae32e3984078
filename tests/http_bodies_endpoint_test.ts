/**
 * The addresses at which bodies are posted and fetched, called by hand: what they take, what they refuse, and what the client gets of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { FrameType } from "../shared/protocol/frame.ts";
import { RawConnector } from "./testkit/raw_connector.ts";
import { type ServerOverrides, startServer, type TestServer } from "./testkit/server.ts";
import type { TestTenant } from "./testkit/tenants.ts";

/** A request that waits for its response's body, and its connector, made by hand. */
interface Awaited extends AsyncDisposable {
  readonly server: TestServer;
  readonly tenant: TestTenant;
  readonly connector: RawConnector;
  readonly response: Promise<Response>;
  readonly requestId: string;
  readonly deliveryId: string;
  readonly originId: string;
  readonly token: string;
}

async function startAwaited(
  { length = 100, init = {}, ...overrides }: ServerOverrides & {
    readonly length?: number;
    readonly init?: RequestInit;
  } = {},
): Promise<Awaited> {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await startServer({ bodyTransfer: "http", ...overrides }));
  const tenant = await server.database.createTenant();
  const token = await server.token(tenant, "connector");
  const connector = resources.use(await RawConnector.open(server.url, { token }));
  connector.hello({ httpBodies: true });
  const { json: welcome } = await connector.next(FrameType.welcome);
  const response = server.relay(tenant, "raw", init);
  response.catch(() => {});
  const request = await connector.next(FrameType.request);
  if (init.body === undefined) {
    const head = { status: 200, headers: [["content-length", String(length)]], length, http: true };
    connector.send(FrameType.response, request.id, { flags: 1, head });
    await response;
  }
  const kept = resources.move();
  return {
    server,
    tenant,
    connector,
    response,
    token,
    requestId: String(request.json["requestId"]),
    deliveryId: request.id,
    originId: String((welcome["server"] as Record<string, unknown>)["originId"]),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** What differs from a good request for a body. */
interface BodyCall {
  readonly method?: "GET" | "POST";
  readonly kind?: "request" | "response";
  readonly token?: string;
  readonly requestId?: string;
  readonly deliveryId?: string;
  readonly originId?: string;
  readonly query?: string;
  readonly body?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
}

async function call(awaited: Awaited, changes: BodyCall = {}): Promise<Response> {
  const {
    server,
    method = "POST",
    kind = "response",
    token,
    requestId,
    deliveryId,
    originId,
    query = "",
    body,
    headers,
  } = {
    ...awaited,
    ...changes,
  };
  return await fetch(`${server.url}/body/${kind}/${requestId}${query}`, {
    method,
    ...(body === undefined ? {} : { body }),
    headers: {
      authorization: `Bearer ${token}`,
      "relayserver-requestoriginid": originId,
      "relayserver-deliveryid": deliveryId,
      ...headers,
    },
  });
}

async function refused(awaited: Awaited, changes: BodyCall): Promise<string> {
  const response = await call(awaited, changes);
  await response.body?.cancel();
  return `${response.status} ${response.headers.get("relayserver-error")}`;
}

const HUNDRED = "x".repeat(100);

Deno.test("a POST is passed on to the client, once, and says so to the connector", async () => {
  await using awaited = await startAwaited();
  const posted = call(awaited, { body: HUNDRED });
  const credit = await awaited.connector.next(FrameType.credit);
  assert.deepEqual([credit.id, credit.payload.toHex()], [awaited.deliveryId, "00000000"]);
  assert.equal(await (await awaited.response).text(), HUNDRED);
  assert.equal((await posted).status, 204);
  assert.equal(await refused(awaited, { body: HUNDRED }), "410 delivery_over");
});

Deno.test("a POST is refused that is not the delivery's, and does no harm to it", async () => {
  await using awaited = await startAwaited();
  const { server } = awaited;
  const stranger = await server.database.createTenant();
  const other = crypto.randomUUID();
  const body = HUNDRED;
  const table: readonly (readonly [string, BodyCall])[] = [
    ["401 authentication_required", { token: "nonsense", body }],
    ["403 access_denied", { token: await server.token(awaited.tenant, "client"), body }],
    ["410 delivery_over", { token: await server.token(stranger, "connector"), body }],
    ["410 delivery_over", { requestId: other, body }],
    ["410 delivery_over", { deliveryId: other.replaceAll("-", ""), body }],
    ["410 delivery_over", { originId: other, body }],
    ["400 invalid_request", { requestId: "..%2f", body }],
    ["400 invalid_request", { deliveryId: "1", body }],
    ["400 invalid_request", { originId: "here", body }],
    ["400 invalid_request", { body: "short" }],
    ["400 invalid_request", { kind: "request", body }],
    ["400 invalid_request", { method: "GET", kind: "request", query: "?delete=maybe" }],
    ["409 body_taken", { method: "GET", kind: "request", query: "?delete=true" }],
  ];
  for (const [expected, changes] of table) {
    assert.equal(await refused(awaited, changes), expected, JSON.stringify(changes));
  }
  const posted = call(awaited, { body });
  assert.equal(await (await awaited.response).text(), body);
  assert.equal((await posted).status, 204);
});

Deno.test("a second POST is refused while the first runs", async () => {
  await using awaited = await startAwaited({ length: 200 });
  const gate = Promise.withResolvers<void>();
  const slow = ReadableStream.from((async function* () {
    yield new TextEncoder().encode(HUNDRED);
    await gate.promise;
    yield new TextEncoder().encode(HUNDRED);
  })());
  const first = call(awaited, { body: slow });
  await awaited.connector.next(FrameType.credit);
  assert.equal(await refused(awaited, { body: HUNDRED + HUNDRED }), "409 body_taken");
  gate.resolve();
  assert.equal(await (await awaited.response).text(), HUNDRED + HUNDRED);
  assert.equal((await first).status, 204);
});

Deno.test("the client gets an abort when a POST breaks off midway", async () => {
  await using awaited = await startAwaited({ length: 200 });
  const reader = (await awaited.response).body!.getReader();
  const broken = call(awaited, {
    body: ReadableStream.from((async function* () {
      yield new TextEncoder().encode(HUNDRED);
      await reader.read();
      throw new Error("broken off");
    })()),
  });
  await assert.rejects(broken);
  await assert.rejects(reader.read());
  assert.equal((await awaited.connector.next(FrameType.cancel)).id, awaited.deliveryId);
  assert.equal(await refused(awaited, { body: HUNDRED + HUNDRED }), "410 delivery_over");
});

Deno.test("the client gets an abort when the connector is lost between head and POST", async () => {
  await using awaited = await startAwaited();
  awaited.connector.terminate();
  await assert.rejects((await awaited.response).text());
  assert.equal(await refused(awaited, { body: HUNDRED }), "410 delivery_over");
});

Deno.test("the client gets an abort when no POST comes in time, and a late one is refused", async () => {
  await using awaited = await startAwaited({ endpointTimeout: "200ms" });
  await assert.rejects((await awaited.response).text());
  assert.equal((await awaited.connector.next(FrameType.cancel)).id, awaited.deliveryId);
  assert.equal(await refused(awaited, { body: HUNDRED }), "410 delivery_over");
});

Deno.test("a connector may send the body in frames after all, and a POST is refused from then on", async () => {
  await using awaited = await startAwaited({ length: 200 });
  const bytes = new TextEncoder().encode(HUNDRED);
  awaited.connector.send(FrameType.data, awaited.deliveryId, { flags: 1, payload: bytes });
  const reader = (await awaited.response).body!.getReader();
  await reader.read();
  assert.equal(await refused(awaited, { body: HUNDRED + HUNDRED }), "409 body_taken");
  awaited.connector.send(FrameType.data, awaited.deliveryId, { payload: bytes });
  assert.equal((await reader.read()).value?.length, 100);
  assert.equal((await reader.read()).done, true);
});

Deno.test("the client gets an abort, not two beginnings, when frames come after bytes of a POST", async () => {
  await using awaited = await startAwaited({ length: 200 });
  const reader = (await awaited.response).body!.getReader();
  const stop = Promise.withResolvers<void>();
  const posted = call(awaited, {
    body: ReadableStream.from((async function* () {
      yield new TextEncoder().encode(HUNDRED);
      await stop.promise;
    })()),
  });
  posted.catch(() => {});
  assert.equal((await reader.read()).value?.length, 100);
  awaited.connector.send(FrameType.data, awaited.deliveryId, { flags: 1, payload: new TextEncoder().encode(HUNDRED) });
  await assert.rejects(reader.read());
  stop.resolve();
  assert.equal((await posted.catch(() => new Response(null, { status: 410 }))).status, 410);
});

Deno.test("a GET reads the request's body from the client, once", async () => {
  await using awaited = await startAwaited({ init: { method: "PUT", body: HUNDRED.repeat(1000) } });
  const path = { method: "GET", kind: "request" } as const;
  const fetched = await call(awaited, { ...path, query: "?delete=true" });
  assert.equal(fetched.headers.get("content-length"), "100000");
  assert.equal(await refused(awaited, { ...path, query: "?delete=false" }), "409 body_taken");
  assert.equal(await fetched.text(), HUNDRED.repeat(1000));
  awaited.connector.respond(awaited.deliveryId, "done");
  assert.equal(await (await awaited.response).text(), "done");
  assert.equal(await refused(awaited, path), "410 delivery_over");
});

Deno.test("a connector may ask for the request's body in frames instead", async () => {
  await using awaited = await startAwaited({ init: { method: "PUT", body: HUNDRED.repeat(1000) } });
  const { connector, deliveryId } = awaited;
  connector.send(FrameType.credit, deliveryId, { payload: Uint8Array.fromHex("00040000") });
  assert.ok((await connector.next(FrameType.data)).payload.length > 0);
  assert.equal(await refused(awaited, { method: "GET", kind: "request" }), "409 body_taken");
  connector.respond(deliveryId, "done");
  assert.equal(await (await awaited.response).text(), "done");
});
