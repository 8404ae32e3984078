import assert from "node:assert/strict";
import { Hono } from "hono";
import type { ApiEnvironment } from "./environment.ts";
import { MAX_DOCUMENT_BYTES, readsJson } from "./json_body.ts";
import { answerProblem, toManagementError } from "./problem.ts";

const HEADERS = { "Content-Type": "application/json" };

function app(timeoutMs?: number): Hono<ApiEnvironment> {
  const app = new Hono<ApiEnvironment>();
  app.onError((error) => answerProblem(toManagementError(error)));
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  app.post("/", readsJson(options), async (context) => context.json(await context.req.json()));
  return app;
}

Deno.test("readsJson() gives up on a document that does not arrive in time, and stops reading it", async () => {
  const cancelled = Promise.withResolvers<unknown>();
  const body = new ReadableStream<Uint8Array>({ cancel: cancelled.resolve });
  const answer = await app(5).request("/", { method: "POST", body, headers: HEADERS });
  assert.equal(answer.status, 408);
  assert.equal((await answer.json()).code, "request_timeout");
  await cancelled.promise;
});

Deno.test("readsJson() stops reading what is too large, whatever length was announced", async () => {
  let sentBytes = 0;
  const cancelled = Promise.withResolvers<unknown>();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sentBytes += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
    cancel: cancelled.resolve,
  });
  const answer = await app().request("/", { method: "POST", body, headers: HEADERS });
  assert.equal(answer.status, 413);
  await answer.body?.cancel();
  await cancelled.promise;
  assert.ok(sentBytes < MAX_DOCUMENT_BYTES + 4 * 65_536);
});

Deno.test("readsJson() puts parts together that break inside a character", async () => {
  const parts = [...new TextEncoder().encode(JSON.stringify({ name: "Zürich 💡" }))];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const byte = parts.shift();
      if (byte === undefined) controller.close();
      else controller.enqueue(new Uint8Array([byte]));
    },
  });
  const answer = await app().request("/", { method: "POST", body, headers: HEADERS });
  assert.deepEqual(await answer.json(), { name: "Zürich 💡" });
});
