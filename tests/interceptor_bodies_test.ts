/**
 * What interceptors read of bodies, and make of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { InterceptedRequest, Interceptor } from "../server/mod.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { onRequest, parts, startIntercepted } from "./testkit/interceptors.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { Gate } from "./testkit/target.ts";

const encoder = new TextEncoder();

const upperCase = () =>
  new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) =>
      controller.enqueue(chunk.map((byte) => byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte)),
  });

for (const listener of LISTENERS) {
  Deno.test(`${listener}: bodies flow through interceptors, in both directions`, async () => {
    const interceptor: Interceptor = {
      name: "stream",
      interceptRequest({ body }) {
        assert.ok(body !== null && "stream" in body);
        return { body: body.stream.pipeThrough(upperCase()) };
      },
      interceptResponse({ body, headers }) {
        assert.ok(body !== null && "stream" in body);
        const tail = new TransformStream<Uint8Array, Uint8Array>({ flush: (end) => end.enqueue(encoder.encode("!")) });
        return { body: body.stream.pipeThrough(tail), headers: headers.filter(([name]) => name !== "x-none") };
      },
    };
    const gate = new Gate();
    await using site = await startIntercepted([interceptor], {
      app: (request) => {
        const reader = request.body!.getReader();
        return new Response(
          new ReadableStream({
            async pull(controller) {
              const { done, value } = await reader.read();
              if (done) return controller.close();
              controller.enqueue(value);
              await gate.pass();
            },
          }),
        );
      },
    }, { listener });
    const { server, tenant } = site;
    const body = parts("abc", "x".repeat(100_000));
    const response = await server.relay(tenant, "app", { method: "POST", body, duplex: "half" } as RequestInit);
    // The first part is here while the target still holds the rest back.
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    let text = decoder.decode((await reader.read()).value, { stream: true });
    assert.match(text, /^ABC/);
    await gate.reached;
    gate.open();
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      text += decoder.decode(value, { stream: true });
    }
    assert.equal(text, `ABC${"X".repeat(100_000)}!`);
    await testLog.waitFor({
      message: /^\{method\}/,
      properties: {
        tenant: tenant.name,
        requestBytes: 100_003,
        relayedRequestBytes: 100_003,
        responseBytes: 100_003,
        relayedResponseBytes: 100_004,
      },
    });
  });
}

Deno.test("readBody() gives small and large bodies, once or again, and the target gets them too", async () => {
  const sizes: number[] = [];
  const read = async (request: InterceptedRequest) => {
    sizes.push(
      (await request.readBody({ maxBytes: 200_000 })).length,
      (await request.readBody({ maxBytes: 200_000 })).length,
    );
  };
  await using site = await startIntercepted([onRequest(read), onRequest(read)]);
  const { server, tenant } = site;
  for (const size of [0, 10, 150_000]) {
    sizes.length = 0;
    await assertAnswer(await server.relay(tenant, "app", { method: "POST", body: "x".repeat(size) }), {
      text: "x".repeat(size),
    });
    assert.deepEqual(sizes, [size, size, size, size]);
  }
  const large = {
    method: "POST",
    body: parts("x".repeat(100_000), "x".repeat(100_001)),
    duplex: "half",
  } as RequestInit;
  await assertProblem(await server.relay(tenant, "app", large), { status: 413, code: "body_too_large" });
});
