import assert from "node:assert/strict";
import { RelayError } from "../errors/relay_error.ts";
import type { StreamBody } from "../http/message.ts";
import type { IncomingRequest, TracedResponse } from "./exchange.ts";
import { MAX_ERROR_MESSAGE_LENGTH } from "./exchange_heads.ts";
import type { ConnectionSettings, ServedTargets } from "./handshake_heads.ts";
import { blocks, connect, FakeTime, LIMITS, makeRequest, readAll, SETTINGS, settle, streamOf } from "./testing.ts";

Deno.test("deliver() brings a small request to the handler and its answer back", async () => {
  let seen: IncomingRequest | undefined;
  using pair = await connect((request) => {
    seen = request;
    return Promise.resolve({ status: 201, headers: [["x", "1"], ["x", "2"]], body: new Uint8Array([1, 2, 3]) });
  });
  const response = await pair.server.deliver(
    makeRequest({ method: "POST", path: "/%2F?q=\u00e9", body: new Uint8Array([9]) }),
  )
    .response;
  assert.equal(response.status, 201);
  assert.deepEqual(response.headers, [["x", "1"], ["x", "2"]]);
  assert.deepEqual(await readAll(response.body), new Uint8Array([1, 2, 3]));
  assert.equal(seen?.method, "POST");
  assert.equal(seen?.path, "/%2F?q=\u00e9");
  assert.deepEqual(seen?.body, new Uint8Array([9]));
  assert.equal(pair.server.inFlight, 0);
  assert.equal(pair.connector.inFlight, 0);
});

Deno.test("deliver() streams large bodies of known and unknown length in both directions", async () => {
  using pair = await connect(async (request) => {
    const received = await readAll(request.body);
    return {
      status: 200,
      headers: [],
      body: streamOf(blocks(100, 10_000), received.length === 6_553_600 ? 1_000_000 : undefined),
    };
  });
  for (const length of [undefined, 6_553_600]) {
    const response = await pair.server.deliver(makeRequest({ method: "PUT", body: streamOf(blocks(100), length) }))
      .response;
    assert.equal((await readAll(response.body)).length, 1_000_000);
  }
  assert.equal(pair.server.inFlight, 0);
});

Deno.test("deliver() does not read further than the window while the reader stands still", async () => {
  let produced = 0;
  function* counted() {
    for (const block of blocks(1000)) {
      produced += block.length;
      yield block;
    }
  }
  using pair = await connect(() => Promise.resolve({ status: 200, headers: [], body: streamOf(counted()) }));
  const response = await pair.server.deliver(makeRequest()).response;
  const reader = (response.body as StreamBody).stream.getReader();
  await reader.read();
  // A second request goes through while the first stands still.
  const second = await pair.server.deliver(makeRequest()).response;
  await (second.body as StreamBody).stream.cancel();
  assert.ok(produced <= 2 * (256 + 3 * 64) * 1024, `${produced} bytes were produced ahead of the reader`);
  await reader.cancel();
});

Deno.test("deliver() rejects with the connector's error when there is no answer", async () => {
  using pair = await connect(() => Promise.reject(new RelayError("target_timeout", "No answer in time")));
  await assert.rejects(pair.server.deliver(makeRequest()).response, {
    name: "RelayError",
    code: "target_timeout",
    message: "No answer in time",
  });
});

Deno.test("deliver() rejects with the beginning of an error that no frame could take whole", async () => {
  const message = "?".repeat(LIMITS.maxMessageBytes);
  using pair = await connect(() => Promise.reject(new RelayError("target_unreachable", message)));
  await assert.rejects(pair.server.deliver(makeRequest()).response, {
    code: "target_unreachable",
    message: message.slice(0, MAX_ERROR_MESSAGE_LENGTH),
  });
});

Deno.test("deliver() rejects with internal_error when the handler fails in another way", async () => {
  using pair = await connect(() => Promise.reject(new Error("secret detail")));
  await assert.rejects(pair.server.deliver(makeRequest()).response, {
    code: "internal_error",
    message: "The connector failed to answer",
  });
});

Deno.test("deliver() breaks the body off when the target does, and never ends it as complete", async () => {
  for (const length of [undefined, 1_000_000]) {
    using pair = await connect(() => {
      function* broken() {
        yield new Uint8Array(1000);
        throw new Error("target died");
      }
      return Promise.resolve({ status: 200, headers: [], body: streamOf(broken(), length) });
    });
    const response = await pair.server.deliver(makeRequest()).response;
    await assert.rejects(readAll(response.body), { code: "target_unreachable" });
  }
});

Deno.test("deliver() breaks the body off when it is shorter than its length", async () => {
  using pair = await connect(() => Promise.resolve({ status: 200, headers: [], body: streamOf(blocks(1, 10), 11) }));
  const response = await pair.server.deliver(makeRequest()).response;
  await assert.rejects(readAll(response.body), { code: "target_unreachable" });
});

Deno.test("cancel() aborts the handler's signal and rejects the response", async () => {
  const started = Promise.withResolvers<AbortSignal>();
  using pair = await connect((request) => {
    started.resolve(request.signal);
    return new Promise(() => {});
  });
  const delivery = pair.server.deliver(makeRequest());
  const signal = await started.promise;
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  delivery.cancel("client_gone");
  await assert.rejects(delivery.response, { code: "client_gone" });
  await aborted;
});

Deno.test("cancelling the response's body aborts the handler's signal", async () => {
  const aborted = Promise.withResolvers<void>();
  using pair = await connect((request) => {
    request.signal.addEventListener("abort", () => aborted.resolve());
    return Promise.resolve({ status: 200, headers: [], body: streamOf(blocks(1000)) });
  });
  const response = await pair.server.deliver(makeRequest()).response;
  await (response.body as StreamBody).stream.cancel();
  await aborted.promise;
  assert.equal(pair.server.inFlight, 0);
});

Deno.test("a request's body that breaks off cancels the delivery", async () => {
  const aborted = Promise.withResolvers<void>();
  using pair = await connect(async (request) => {
    request.signal.addEventListener("abort", () => aborted.resolve());
    await readAll(request.body);
    return { status: 200, headers: [], body: null };
  });
  function* broken() {
    yield new Uint8Array(10);
    throw new RelayError("request_timeout", "The client stopped sending");
  }
  await assert.rejects(pair.server.deliver(makeRequest({ method: "POST", body: streamOf(broken()) })).response, {
    code: "request_timeout",
  });
  await aborted.promise;
});

Deno.test("a response that ends before the request stops the request's body", async () => {
  let isCancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    cancel: () => void (isCancelled = true),
  }, { highWaterMark: 0 });
  using pair = await connect(() => Promise.resolve({ status: 413, headers: [], body: null }));
  const response = await pair.server.deliver(makeRequest({ method: "POST", body: { stream } })).response;
  assert.equal(response.status, 413);
  assert.ok(isCancelled);
  assert.equal(pair.server.inFlight, 0);
});

Deno.test("a lost connection fails what is in flight and tells whether it was acknowledged", async () => {
  const received = Promise.withResolvers<void>();
  using pair = await connect(() => {
    received.resolve();
    return new Promise(() => {});
  });
  const delivery = pair.server.deliver(makeRequest(), { acknowledge: true });
  await received.promise;
  assert.equal(delivery.isAcknowledged, false);
  pair.connector.close(1001, "gone");
  await assert.rejects(delivery.response, { code: "connector_lost" });
  assert.equal((await pair.server.ended).code, 1001);
});

Deno.test("acknowledge is sent while the target takes its time", async () => {
  using time = new FakeTime();
  const answer = Promise.withResolvers<TracedResponse>();
  const received = Promise.withResolvers<void>();
  using pair = await connect(() => {
    received.resolve();
    return answer.promise;
  });
  const delivery = pair.server.deliver(makeRequest(), { acknowledge: true });
  await received.promise;
  time.pass(9);
  await settle();
  assert.equal(delivery.isAcknowledged, false);
  time.pass(1);
  await settle();
  assert.equal(delivery.isAcknowledged, true);
  answer.resolve({ status: 200, headers: [], body: null });
  assert.equal((await delivery.response).status, 200);
});

Deno.test("drain() from the server lets deliveries finish, then closes", async () => {
  const answer = Promise.withResolvers<TracedResponse>();
  const said = Promise.withResolvers<unknown>();
  using pair = await connect(() => answer.promise, { connector: { goAway: (...all) => said.resolve(all) } });
  const delivery = pair.server.deliver(makeRequest());
  pair.server.drain("draining", "now");
  assert.equal(pair.server.isOpen, false);
  assert.deepEqual(await said.promise, ["draining", "now"]);
  answer.resolve({ status: 200, headers: [], body: streamOf(blocks(20)) });
  assert.equal((await readAll((await delivery.response).body)).length, 20 * 65_536);
  assert.equal((await pair.connector.ended).code, 1000);
});

Deno.test("drain() from the connector serves what crossed it, then closes", async () => {
  using pair = await connect(() => Promise.resolve({ status: 200, headers: [], body: null }));
  pair.connector.drain("shutdown", "later");
  const crossed = pair.server.deliver(makeRequest());
  assert.equal((await crossed.response).status, 200);
  assert.equal((await pair.server.ended).code, 1000);
  assert.equal(pair.server.isOpen, false);
});

Deno.test("configure() and authenticate() reach the other side", async () => {
  const settings = Promise.withResolvers<ConnectionSettings>();
  const token = Promise.withResolvers<string>();
  using pair = await connect(() => new Promise(() => {}), {
    server: { authenticate: token.resolve },
    connector: { configure: settings.resolve },
  });
  pair.connector.authenticate("new token");
  assert.equal(await token.promise, "new token");
  pair.server.configure({ ...SETTINGS, keepAliveIntervalMs: 7000 });
  assert.equal((await settings.promise).keepAliveIntervalMs, 7000);
});

Deno.test("sendTargets() reaches the server; from a server it is a protocol error", async () => {
  const served: ServedTargets[] = [];
  const second = Promise.withResolvers<void>();
  using pair = await connect(() => new Promise(() => {}), {
    server: { targets: (targets) => served.push(targets) === 2 ? second.resolve() : undefined },
  });
  pair.connector.sendTargets({ targets: ["erp", "crm"], unhealthy: ["crm"] });
  pair.connector.sendTargets({ targets: [] });
  await second.promise;
  assert.deepEqual(served, [{ targets: ["erp", "crm"], unhealthy: ["crm"] }, { targets: [] }]);
  pair.server.sendTargets({ targets: ["x"] });
  assert.equal((await pair.connector.ended).error?.code, "unexpected_frame");
});

Deno.test("a large head is refused before it is sent, and the connection lives on", async () => {
  using pair = await connect(() =>
    Promise.resolve({ status: 200, headers: [["x", "y".repeat(2_000_000)]], body: null })
  );
  await assert.rejects(pair.server.deliver(makeRequest()).response, { code: "target_invalid_response" });
  await assert.rejects(pair.server.deliver(makeRequest({ headers: [["x", "y".repeat(2_000_000)]] })).response, {
    code: "headers_too_large",
  });
  assert.ok(pair.server.isOpen);
});
