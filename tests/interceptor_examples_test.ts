import assert from "node:assert/strict";
import { join } from "node:path";
import { assertAnswer } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { type Site, startSite } from "./testkit/site.ts";
import type { TestTargets } from "./testkit/connector.ts";
import { Gate } from "./testkit/target.ts";

const FOLDER = join(import.meta.dirname ?? "", "../docs/examples/interceptors");

/** A site of the tenant `acme` whose server has examples of `docs/interceptors.md`, by their paths. */
function startExamples(names: readonly string[], targets: TestTargets): Promise<Site> {
  const interceptors = names.map((name) => join(FOLDER, `${name}.ts`));
  return startSite(targets, { interceptors }, { tenant: { name: "acme" } });
}

Deno.test("every example is tested here", async () => {
  const source = await Deno.readTextFile(new URL(import.meta.url));
  const docs = await Deno.readTextFile(join(FOLDER, "../../interceptors.md"));
  for await (const { name } of Deno.readDir(FOLDER)) {
    assert.ok(source.includes(`["${name.slice(0, -3)}"`), `${name} has no test`);
    assert.ok(docs.includes(`examples/interceptors/${name}`), `${name} is not in docs/interceptors.md`);
  }
});

Deno.test("request_headers.ts gives one tenant's requests a header, and takes one away", async () => {
  await using site = await startExamples(["request_headers"], {
    app: ({ headers }) =>
      Response.json([headers.get("x-correlation-id"), headers.get("x-debug"), headers.get("x-other")]),
  });
  const { server, tenant } = site;
  const headers = { "X-Debug": "1", "X-Other": "2" };
  const [id, debug, other] = await (await server.relay(tenant, "app", { headers })).json();
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.deepEqual([debug, other], [null, "2"]);
});

Deno.test("rewrite.ts changes target and path, and leaves the query alone", async () => {
  const say = (name: string) => (request: Request) => {
    const { pathname, search } = new URL(request.url);
    return new Response(`${name} ${pathname}${search}`);
  };
  await using site = await startExamples(["rewrite"], { erp: say("erp"), shop: say("shop") });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "erp/legacy/orders/7?a=%2F"), { text: "shop /orders/7?a=%2F" });
  await assertAnswer(await server.relay(tenant, "erp/legacy/ordersx"), { text: "erp /legacy/ordersx" });
});

Deno.test("maintenance.ts answers itself, and the target hears nothing", async () => {
  await using site = await startExamples(["maintenance"], {
    erp: () => assert.fail("the target must not be called"),
    shop: () => new Response("open"),
  });
  const { server, tenant } = site;
  const response = await server.relay(tenant, "ERP/x", { method: "POST", body: "order" });
  assert.equal(response.headers.get("retry-after"), "600");
  await assertAnswer(response, { status: 503, text: "Back in ten minutes.\n" });
  await assertAnswer(await server.relay(tenant, "shop"), { text: "open" });
});

Deno.test("webhook.ts answers at once, and delivers all the same", async () => {
  const gate = new Gate();
  const { promise: delivered, resolve } = Promise.withResolvers<string>();
  await using site = await startExamples(["webhook"], {
    webhooks: async (request) => {
      const text = await request.text();
      await gate.pass();
      resolve(text);
      return new Response("too late");
    },
  });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "webhooks/x", { method: "POST", body: "event" }), {
    status: 202,
    text: "",
  });
  await gate.reached;
  gate.open();
  assert.equal(await delivered, "event");
});

Deno.test("json_body.ts changes JSON on both ways, and nothing else", async () => {
  await using site = await startExamples(["json_body"], {
    app: async (request) =>
      new Response(await request.text(), { headers: { "Content-Type": request.headers.get("content-type") ?? "" } }),
  });
  const { server, tenant } = site;
  const post = (type: string, body: string) =>
    server.relay(tenant, "app", { method: "POST", headers: { "Content-Type": type }, body });
  const answer = await post("application/json; charset=utf-8", '{"item":1,"internal":2}');
  assert.deepEqual(await answer.json(), { item: 1, sender: "127.0.0.1" });
  await testLog.waitFor({
    message: /^\{method\}/,
    properties: {
      tenant: "acme",
      requestBytes: 23,
      relayedRequestBytes: 44,
      responseBytes: 44,
      relayedResponseBytes: 31,
    },
  });
  await assertAnswer(await post("text/plain", '{"internal":2}'), { text: '{"internal":2}' });
  const tooLarge = await post("application/json", JSON.stringify({ text: "x".repeat(70_000) }));
  assert.equal(`${tooLarge.status} ${tooLarge.headers.get("relayserver-error")}`, "413 body_too_large");
  await tooLarge.body?.cancel();
});

Deno.test("compress.ts compresses while the answer flows", async () => {
  const gate = new Gate();
  await using site = await startExamples(["compress"], {
    app: () =>
      new Response(
        new ReadableStream<Uint8Array>({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode("a".repeat(100_000)));
            await gate.pass();
            controller.enqueue(new TextEncoder().encode("b".repeat(100_000)));
            controller.close();
          },
        }),
        { headers: { "Content-Type": "text/plain", "ETag": '"1"' } },
      ),
  });
  const { server, tenant } = site;
  const response = await server.relay(tenant, "app", { headers: { "Accept-Encoding": "gzip" } });
  assert.equal(response.headers.get("vary"), "Accept-Encoding");
  assert.equal(response.headers.get("etag"), null);
  gate.open();
  assert.equal(await response.text(), "a".repeat(100_000) + "b".repeat(100_000));
  const record = await testLog.waitFor({
    message: /^\{method\}/,
    properties: { tenant: "acme", responseBytes: 200_000 },
  });
  assert.ok(Number(record.properties.relayedResponseBytes) < 2_000);
  const plain = await server.relay(tenant, "app", { headers: { "Accept-Encoding": "identity" } });
  assert.equal(plain.headers.get("content-encoding"), null);
  assert.equal((await plain.text()).length, 200_000);
});
