import assert from "node:assert/strict";
import { Hono } from "hono";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { type FetchHandler, FetchHandlerTarget } from "./fetch_handler.ts";
import { bytes, relayRequest, streamOf, targetContext, textOf } from "./testkit.ts";

const ABORTED = new RelayError("client_gone", "Cannot go on: the client left");

function call(handler: FetchHandler, parts: Parameters<typeof relayRequest>[0] = {}, context = targetContext()) {
  return new FetchHandlerTarget(handler).handle(relayRequest(parts), context);
}

Deno.test("handle() calls a Hono app", async () => {
  const app = new Hono().post("/orders/:id", async (c) => {
    return c.json({ id: c.req.param("id"), q: c.req.query("q"), host: c.req.header("host"), body: await c.req.text() });
  });
  const response = await call((request) => app.fetch(request), {
    method: "POST",
    path: "/orders/7?q=a+b",
    headers: [["Host", "client.example"], ["Connection", "close"]],
    body: bytes("hello"),
  });
  assert.equal(response.status, 200);
  assert.ok(response.body instanceof Uint8Array);
  assert.deepEqual(JSON.parse(await textOf(response)), { id: "7", q: "a b", host: "client.example", body: "hello" });
});

Deno.test("handle() gives the handler the path's bytes, the names and the streamed body", async () => {
  for (const [path, url] of [["", "/"], ["?q", "/?q"], ["//a%2Fb;c/\xe9?x#y", "//a%2Fb;c/%E9?x%23y"]] as const) {
    const response = await call((request) => new Response(request.url), { path });
    assert.equal(await textOf(response), `http://target.invalid${url}`);
  }
  const body = { stream: ReadableStream.from([bytes("a"), bytes("b")]) };
  const response = await call(
    async (request, { target, requestId }) => new Response(`${target} ${requestId} ${await request.text()}`),
    { method: "PUT", target: "App", requestId: "id", body },
  );
  assert.equal(await textOf(response), "App id ab");
});

Deno.test("handle() refuses what a Request cannot carry", async () => {
  for (
    const parts of [{ method: "TRACE" }, { method: "GET", body: bytes("x") }, { path: "/../x" }, { method: "A B" }]
  ) {
    await assert.rejects(call(() => new Response(), parts), { name: "RelayError", code: "invalid_request" });
  }
});

Deno.test("handle() returns repeated Set-Cookie lines, and neither hop-by-hop nor garbled ones", async () => {
  const headers = [["Set-Cookie", "a"], ["Set-Cookie", "b"], ["Connection", "close"], ["X-A", "\xe9"]] as [
    string,
    string,
  ][];
  const response = await call(() => new Response(null, { status: 204, headers }));
  assert.deepEqual(response, {
    status: 204,
    headers: [["set-cookie", "a"], ["set-cookie", "b"], ["x-a", "\xe9"]],
    body: null,
  });
  await assert.rejects(call(() => new Response(null, { headers: { "X-A": "\x01" } })), {
    code: "target_invalid_response",
  });
});

Deno.test("handle() fails when the handler throws or returns no usable response", async () => {
  const failure = new Error("broken");
  const thrown = { name: "RelayError", code: "target_unreachable", cause: failure };
  await assert.rejects(call(() => Promise.reject(failure)), thrown);
  await assert.rejects(
    call(() => {
      throw failure;
    }),
    thrown,
  );
  await assert.rejects(call(() => Promise.reject(ABORTED)), ABORTED);
  const read = new Response("x");
  await read.text();
  const unusable = [
    Response.error(),
    undefined as unknown as Response,
    new Response("x", { headers: { "Content-Length": "-1" } }),
    read,
  ];
  for (const response of unusable) {
    await assert.rejects(call(() => response), { name: "RelayError", code: "target_invalid_response" });
  }
});

Deno.test("handle() collects what is there at once up to the limit", async () => {
  const handlers: FetchHandler[] = [
    () => new Response("four"),
    () => new Response(ReadableStream.from([bytes("fo"), bytes("ur")])),
    () => new Response(ReadableStream.from([bytes("fo"), bytes("ur")]), { headers: { "Content-Length": "4" } }),
  ];
  for (const handler of handlers) {
    const inline = await call(handler, {}, targetContext({ inlineBodyLimitBytes: 4 }));
    assert.ok(inline.body instanceof Uint8Array);
    assert.equal(await textOf(inline), "four");
    const streamed = await call(handler, {}, targetContext({ inlineBodyLimitBytes: 3 }));
    assert.equal(await new Response(streamOf(streamed)).text(), "four");
  }
});

Deno.test("handle() returns the head before a body that is not there yet", async () => {
  const later = Promise.withResolvers<void>();
  const response = await call(() =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await later.promise;
          controller.enqueue(bytes("later"));
          controller.close();
        },
      }),
    )
  );
  const text = new Response(streamOf(response)).text();
  later.resolve();
  assert.equal(await text, "later");
});

Deno.test("handle() never returns a body that broke off, or has another length than announced, as complete", async () => {
  const broken = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.desiredSize === null ? undefined : controller.error(new Error("broken")),
    });
  await assert.rejects(call(() => new Response(broken())).then(textOf), { code: "target_unreachable" });
  for (const length of ["3", "5"]) {
    for (const inlineBodyLimitBytes of [1, 100]) {
      const handler = () => new Response("four", { headers: { "Content-Length": length } });
      const read = call(handler, {}, targetContext({ inlineBodyLimitBytes })).then(textOf);
      await assert.rejects(read, { code: "target_invalid_response" });
    }
  }
});

Deno.test("handle() returns no body for HEAD and cancels the handler's", async () => {
  const cancelled = Promise.withResolvers<void>();
  const stream = () => new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
  const response = await call(() => new Response(stream(), { headers: { "Content-Length": "9" } }), { method: "HEAD" });
  assert.deepEqual(response, { status: 200, headers: [["content-length", "9"]], body: null });
  await cancelled.promise;
});

Deno.test("handle() rejects with the signal's reason, or target_timeout, and tells the handler", async () => {
  const controller = new AbortController();
  const signals: AbortSignal[] = [];
  const never: FetchHandler = (request) => {
    signals.push(request.signal);
    return new Promise(() => {});
  };
  const aborted = call(never, {}, targetContext({ signal: controller.signal }));
  controller.abort(ABORTED);
  await assert.rejects(aborted, ABORTED);
  const late = new FetchHandlerTarget(never, { timeoutMs: 5 }).handle(relayRequest(), targetContext());
  await assert.rejects(late, { name: "RelayError", code: "target_timeout" });
  const stalled: FetchHandler = () => new Response(new ReadableStream(), { headers: { "Content-Length": "9" } });
  const stalls = new FetchHandlerTarget(stalled, { timeoutMs: 5 }).handle(relayRequest(), targetContext());
  await assert.rejects(stalls, { name: "RelayError", code: "target_timeout" });
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
});

Deno.test("handle() errors a flowing body when aborted, and cancels the handler's", async () => {
  const controller = new AbortController();
  const cancelled = Promise.withResolvers<void>();
  const handler = () =>
    new Response(new ReadableStream({ start: (c) => c.enqueue(bytes("first")), cancel: () => cancelled.resolve() }));
  const response = await call(handler, {}, targetContext({ signal: controller.signal }));
  const reader = streamOf(response).getReader();
  await reader.read();
  const pending = reader.read();
  controller.abort(ABORTED);
  await assert.rejects(pending, ABORTED);
  await cancelled.promise;
});

for (const headers of [{}, { "Content-Length": "9" }]) {
  const length = Object.keys(headers).join() || "nothing about its length";
  Deno.test(`handle() cancels the body of a response that comes after the call was aborted, with ${length}`, async () => {
    const controller = new AbortController();
    const answer = Promise.withResolvers<Response>();
    const cancelled = Promise.withResolvers<unknown>();
    const aborted = call(() => answer.promise, {}, targetContext({ signal: controller.signal }));
    controller.abort(ABORTED);
    await assert.rejects(aborted, ABORTED);
    answer.resolve(new Response(new ReadableStream({ cancel: cancelled.resolve }), { headers }));
    assert.equal(await cancelled.promise, ABORTED);
  });
}

Deno.test("handle() cancels a small body that is being collected when the call is aborted", async () => {
  const controller = new AbortController();
  const asked = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<unknown>();
  const body = new ReadableStream({ pull: () => asked.resolve(), cancel: cancelled.resolve }, { highWaterMark: 0 });
  const handler = () => new Response(body, { headers: { "Content-Length": "9" } });
  const aborted = call(handler, {}, targetContext({ signal: controller.signal }));
  await asked.promise;
  controller.abort(ABORTED);
  await assert.rejects(aborted, ABORTED);
  assert.equal(await cancelled.promise, ABORTED);
});

Deno.test("handle() cancels a request body that the handler did not read", async () => {
  const cancelled = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
  await call(() => new Response("no"), { method: "POST", body: { stream } });
  await cancelled.promise;
});
