import assert from "node:assert/strict";
import { FrameType } from "../shared/protocol/frame.ts";
import { bodyOf, digest, digestOf, settled, upload } from "./testkit/bodies.ts";
import { startCluster } from "./testkit/cluster.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { testLog } from "./testkit/log.ts";
import { requireRabbitMq, TestBroker } from "./testkit/rabbitmq.ts";
import { RawConnector } from "./testkit/raw_connector.ts";
import { type ServerOverrides, startServer, type TestServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";
import { startTarget } from "./testkit/target.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const MIB = 1 << 20;
const SIZE_BYTES = 5 * MIB + 3;
/** More than the buffers of all sockets on the way. */
const HUGE_BYTES = 96 * MIB;
const HELD_BYTES = 64 * MIB;

const rabbitmq = await requireRabbitMq();
const broker = rabbitmq.isSkipped ? undefined : await TestBroker.start();
if (broker !== undefined) Deno.test.afterAll(() => broker[Symbol.asyncDispose]());

/** Gives a body of known length, and says what it was sent. */
async function application(request: Request): Promise<Response> {
  if (request.method === "POST") return new Response(await digest(request.body));
  const size = Number(new URL(request.url).searchParams.get("size"));
  return new Response(bodyOf(size), { headers: { "content-length": String(size) } });
}

/** Every response with a body by HTTP says so at the server's end. */
function postsSeen(): number {
  return testLog.find({ message: /Large bodies go by the WebSocket/ }).length;
}

for (const bodyTransfer of ["auto", "http", "websocket"] as const) {
  for (const listener of ["node", "native"] as const) {
    Deno.test(`bodies go down and up unchanged with bodyTransfer ${bodyTransfer} on ${listener}`, async () => {
      await using target = startTarget(application);
      await using site = await startSite({ web: target.url }, { bodyTransfer, listener });
      const failures = postsSeen();
      for (const size of [0, 65_537, MIB, SIZE_BYTES]) {
        const response = await site.server.relay(site.tenant, `web?size=${size}`);
        assert.equal(response.headers.get("content-length"), String(size));
        assert.equal(await digest(response.body), await digestOf(size));
        const { body } = await upload(site.server, `/relay/${site.tenant.name}/web`, {
          sizeBytes: size,
          isLengthKnown: true,
        });
        assert.equal(new TextDecoder().decode(body), await digestOf(size));
      }
      assert.equal(postsSeen(), failures);
    });
  }
}

Deno.test("a slow client slows the target, and the body is not kept anywhere", async () => {
  let madeBytes = 0;
  await using target = startTarget(() =>
    new Response(bodyOf(HUGE_BYTES, (bytes) => madeBytes = bytes), {
      headers: { "content-length": String(HUGE_BYTES) },
    })
  );
  await using site = await startSite({ web: target.url });
  const response = await site.server.relay(site.tenant, "web");
  const held = await settled(() => madeBytes);
  assert.ok(held < HELD_BYTES, `${held} bytes were made for a client that reads nothing`);
  assert.equal(await digest(response.body), await digestOf(HUGE_BYTES));
});

Deno.test("the target's call ends when the client leaves a download that is posted", async () => {
  const cancelled = Promise.withResolvers<void>();
  await using target = startTarget(() => {
    const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel: () => cancelled.resolve(),
    });
    return new Response(endless, { headers: { "content-length": String(HUGE_BYTES * 100) } });
  });
  await using site = await startSite({ web: target.url });
  const response = await site.server.relay(site.tenant, "web");
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await within(cancelled.promise, { timeoutMs: 10_000, what: "the end of the target's call" });
});

/** A place that names other addresses for bodies than the server's own. */
function startPlace(server: TestServer, endpoints: Readonly<Record<string, string>>) {
  const front = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async ({ url }) => {
    const answer = await fetch(server.url + new URL(url).pathname);
    return Response.json({ ...await answer.json(), ...endpoints });
  });
  return { url: `http://127.0.0.1:${front.addr.port}`, [Symbol.asyncDispose]: () => front.shutdown() };
}

const OBSTACLES: Readonly<Record<string, (request: Request) => Response | Promise<Response>>> = {
  "refuses large bodies": () => new Response("too large", { status: 413 }),
  "does not know the address": () => new Response("no such page", { status: 404 }),
  "redirects": () => new Response(null, { status: 302, headers: { location: "https://example.invalid/" } }),
  "answers before the body": () => new Response("fine", { status: 200 }),
  "is out of order": async (request) => {
    await request.body?.getReader().read();
    return new Response("sorry", { status: 502 });
  },
};

for (const [does, answer] of Object.entries(OBSTACLES)) {
  Deno.test(`the WebSocket carries bodies where something on the way ${does}, and HTTP is not tried again soon`, async () => {
    let tries = 0;
    await using obstacle = startTarget((request) => {
      tries++;
      return answer(request);
    });
    await checkFallback(obstacle.url);
    assert.equal(tries, 1);
  });
}

Deno.test("the WebSocket carries bodies where nobody listens at the address for them", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await checkFallback(`http://127.0.0.1:${port}`);
});

async function checkFallback(bodyUrl: string): Promise<void> {
  await using target = startTarget(application);
  await using server = await startServer();
  const endpoints = { requestEndpoint: `${bodyUrl}/body/request`, responseEndpoint: `${bodyUrl}/body/response` };
  for (const direction of ["down", "up"]) {
    await using place = startPlace(server, endpoints);
    const tenant = await server.database.createTenant();
    await using _connector = await startConnector(place, tenant, { targets: { web: target.url } });
    for (let repetition = 0; repetition < (direction === "down" ? 2 : 0); repetition++) {
      const response = await server.relay(tenant, `web?size=${SIZE_BYTES}`);
      assert.equal(await digest(response.body), await digestOf(SIZE_BYTES));
    }
    if (direction === "down") {
      const { body } = await upload(server, `/relay/${tenant.name}/web`, {
        sizeBytes: SIZE_BYTES,
        isLengthKnown: true,
      });
      assert.equal(new TextDecoder().decode(body), await digestOf(SIZE_BYTES));
    }
  }
}

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

Deno.test({
  name: rabbitmq.label("bodies find their delivery from every origin"),
  ignore: rabbitmq.isSkipped,
  async fn() {
    await using target = startTarget(application);
    await using cluster = await startCluster(broker!, { count: 3, bodyTransfer: "http" });
    const [client, holder, stranger] = cluster.servers as [TestServer, TestServer, TestServer];
    const failures = postsSeen();
    for (const bodyServer of [client, holder, stranger]) {
      const endpoints = {
        requestEndpoint: `${bodyServer.url}/body/request`,
        responseEndpoint: `${bodyServer.url}/body/response`,
      };
      await using place = startPlace(holder, endpoints);
      const tenant = await client.database.createTenant();
      await using _connector = await startConnector(place, tenant, { targets: { web: target.url } });
      await connectedElsewhere(client, tenant);
      const response = await client.relay(tenant, `web?size=${SIZE_BYTES}`);
      assert.equal(await digest(response.body), await digestOf(SIZE_BYTES));
      const { body } = await upload(client, `/relay/${tenant.name}/web`, {
        sizeBytes: SIZE_BYTES,
        isLengthKnown: true,
      });
      assert.equal(new TextDecoder().decode(body), await digestOf(SIZE_BYTES));
    }
    assert.equal(postsSeen(), failures);
  },
});

/** Waits until a server has heard of a tenant's connector at another one. */
async function connectedElsewhere(server: TestServer, tenant: TestTenant): Promise<void> {
  const { answers } = await import("./testkit/cluster.ts");
  await answers(server, tenant, { path: "web?size=0", status: 200 });
}
