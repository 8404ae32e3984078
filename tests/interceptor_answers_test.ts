/**
 * Interceptors that answer a request themselves, whether it is delivered all the same or not.
 *
 * @module
 */

import assert from "node:assert/strict";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { onRequest, onResponse, parts, startIntercepted } from "./testkit/interceptors.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";

for (const listener of LISTENERS) {
  Deno.test(`${listener}: an answer without delivery leaves the upload unread, and the connection of the next usable`, async () => {
    await using site = await startIntercepted(
      [
        onRequest(({ path }) => path === "/no" ? { answer: { status: 409, body: "no" } } : undefined),
      ],
      {},
      { listener },
    );
    const { server, tenant } = site;
    for (const size of [10, 100_000, 5_000_000]) {
      const refused = await server.relay(tenant, "app/no", { method: "POST", body: "x".repeat(size) });
      await assertAnswer(refused, { status: 409, text: "no" });
      await assertAnswer(await server.relay(tenant, "app", { method: "POST", body: "yes" }), { text: "yes" });
    }
    await testLog.waitFor({
      message: /^\{method\}/,
      properties: { tenant: tenant.name, status: 409, outcome: "succeeded", relayedRequestBytes: 0 },
    }, { count: 3 });
  });

  Deno.test(`${listener}: an answer with delivery waits for the rest of a large upload`, async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    await using site = await startIntercepted([onRequest(() => ({ answer: { status: 202 }, deliver: true }))], {
      app: async (request) => {
        resolve((await request.arrayBuffer()).byteLength);
        return new Response("x".repeat(1_000_000));
      },
    }, { listener });
    const response = await site.server.relay(site.tenant, "app", { method: "POST", body: "x".repeat(3_000_000) });
    await assertAnswer(response, { status: 202, text: "" });
    assert.equal(await promise, 3_000_000);
  });
}

Deno.test("response interceptors see direct answers, but not the relay's own", async () => {
  await using site = await startIntercepted([
    onRequest(({ path }) =>
      path === "/direct" ? { answer: { status: 200, headers: [["X-A", "1"]], body: parts("a", "b") } } : undefined
    ),
    onResponse(({ headers }) => ({ headers: [...headers, ["X-B", "2"]] })),
  ]);
  const { server, tenant } = site;
  const direct = await server.relay(tenant, "app/direct");
  assert.deepEqual([direct.headers.get("x-a"), direct.headers.get("x-b")], ["1", "2"]);
  await assertAnswer(direct, { text: "ab" });
  const unknown = await server.relay(tenant, "nowhere");
  assert.equal(unknown.headers.get("x-b"), null);
  await assertProblem(unknown, { status: 404, code: "target_unknown" });
});

Deno.test("an answer ends the interceptors that follow, unless the request is delivered", async () => {
  const seen: string[] = [];
  const deliver = onRequest(({ path }) => ({ answer: { status: 202 }, deliver: path === "/deliver" }));
  const { promise, resolve } = Promise.withResolvers<string | null>();
  await using site = await startIntercepted([
    deliver,
    onRequest(({ path, headers }) => {
      seen.push(path);
      return { headers: [...headers, ["X-Later", "1"]] };
    }),
  ], {
    app: ({ headers }) => {
      resolve(headers.get("x-later"));
      return new Response();
    },
  });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app/answer"), { status: 202, text: "" });
  await assertAnswer(await server.relay(tenant, "app/deliver"), { status: 202, text: "" });
  assert.deepEqual(seen, ["/deliver"]);
  assert.equal(await promise, "1");
});

Deno.test("a delivery that fails after its client was answered is in the log", async () => {
  await using site = await startIntercepted([
    onRequest(() => ({ answer: { status: 202 }, deliver: true, target: "nowhere" })),
  ]);
  await assertAnswer(await site.server.relay(site.tenant, "app"), { status: 202, text: "" });
  await testLog.waitFor({ message: /^Cannot deliver request \{requestId\}/ });
});
